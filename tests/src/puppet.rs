//! Children that say where they are.
