//! Bowstring for Python: the module `bowstring._bowstring`, which the package `bowstring` wraps.
//!
//! Nothing is decided here. Each class holds a thing of the crate `bowstring` and translates: arguments, errors, Arrow
//! data by the C data interface ([`capsule`]), waits that Ctrl-C can end ([`wait`]).

mod alias;
mod batch;
mod capsule;
mod column;
mod compact;
mod convert;
mod doctor;
mod door;
mod errors;
mod gil;
mod names;
mod pair;
mod process;
mod reader;
mod room;
mod schema;
mod share;
mod store;
mod stream;
mod table;
mod wait;
mod writer;

use pyo3::prelude::*;

/// The native part of the package `bowstring`.
#[pymodule(gil_used = true)]
mod _bowstring {
    #[pymodule_export]
    use super::batch::Batch;
    #[pymodule_export]
    use super::column::Column;
    #[pymodule_export]
    use super::compact::compact;
    #[pymodule_export]
    use super::doctor::runtime_directory;
    #[pymodule_export]
    use super::door::{Door, dial};
    #[pymodule_export]
    use super::pair::socket_pair;
    #[pymodule_export]
    use super::process::in_forked_child;
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::room::{Place, Room};
    #[pymodule_export]
    use super::schema::Schema;
    #[pymodule_export]
    use super::share::{attach, freeze};
    #[pymodule_export]
    use super::store::{
        Follower, StoreServer, choose, store_get, store_json, store_list, store_put, store_remove,
        store_rename,
    };
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::writer::{Writer, await_lingering};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
