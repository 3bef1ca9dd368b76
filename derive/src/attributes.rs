//! Reads `#[row(...)]`.

use proc_macro2::Span;
use syn::{Attribute, Error, LitStr, Path, Result};

/// The attributes of a struct.
pub(crate) struct OfStruct {
    /// The path of the crate `bowstring`.
    pub(crate) krate: Path,
}

/// The attributes of a field.
pub(crate) struct OfField {
    /// The column's name, if it is not the field's.
    pub(crate) rename: Option<LitStr>,
    /// Other names that a sender may use.
    pub(crate) aliases: Vec<LitStr>,
}

impl OfStruct {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut krate = None;
        for attribute in ours(attributes) {
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("crate") {
                    return Err(meta.error("unknown attribute: a struct takes `crate = \"PATH\"`"));
                }
                krate = Some(meta.value()?.parse::<LitStr>()?.parse()?);
                Ok(())
            })?;
        }
        Ok(Self { krate: krate.unwrap_or_else(|| syn::parse_quote!(::bowstring)) })
    }
}

impl OfField {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let (mut rename, mut aliases) = (None, Vec::new());
        for attribute in ours(attributes) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    let name: LitStr = meta.value()?.parse()?;
                    match rename.replace(name) {
                        None => Ok(()),
                        Some(_) => Err(meta.error("a column has one name: `rename` is given twice")),
                    }
                } else if meta.path.is_ident("alias") {
                    aliases.push(meta.value()?.parse()?);
                    Ok(())
                } else {
                    Err(meta
                        .error("unknown attribute: a field takes `rename = \"NAME\"` and `alias = \"NAME\"`"))
                }
            })?;
        }
        Ok(Self { rename, aliases })
    }
}

fn ours(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("row"))
}

/// Refuses a name that another column has.
pub(crate) fn distinct(names: &[(String, Span)]) -> Result<()> {
    for (index, (name, span)) in names.iter().enumerate() {
        if names[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(Error::new(*span, format!("two columns are called `{name}`")));
        }
    }
    Ok(())
}
