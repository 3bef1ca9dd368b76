//! The derive macro of `bowstring::Row`; see there.

mod attributes;
mod expand;

use proc_macro::TokenStream;

/// Makes a struct with named fields a row of a table: its schema, a writer's columns and a reader's batches.
///
/// `bowstring::rows` has the field types, the attributes and an example.
#[proc_macro_derive(Row, attributes(row))]
pub fn row(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::row(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
