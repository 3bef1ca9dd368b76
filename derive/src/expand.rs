//! Writes the code of a row type.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{
    Data, DeriveInput, Error, Fields, GenericArgument, Ident, PathArguments, Result, Type, Visibility,
};

use crate::attributes::{OfField, OfStruct, distinct};

/// One field of the struct.
struct Field<'a> {
    ident: &'a Ident,
    vis: &'a Visibility,
    ty: &'a Type,
    /// The type with each lifetime replaced by `'static`.
    ty_static: Type,
    name: String,
    aliases: Vec<String>,
}

pub(crate) fn row(input: &DeriveInput) -> Result<TokenStream> {
    let krate = OfStruct::read(&input.attrs)?.krate;
    let fields = fields(input)?;
    let rows = quote!(#krate::rows);
    let (ident, vis) = (&input.ident, &input.vis);
    let (impl_generics, type_generics, _) = input.generics.split_for_impl();
    let [columns, batch, view, plan] =
        ["Columns", "Batch", "View", "Plan"].map(|suffix| format_ident!("{}{suffix}", ident.unraw()));
    let idents: Vec<_> = fields.iter().map(|field| field.ident).collect();
    let vises: Vec<_> = fields.iter().map(|field| field.vis).collect();
    let types: Vec<_> = fields.iter().map(|field| field.ty).collect();
    let statics: Vec<_> = fields.iter().map(|field| &field.ty_static).collect();
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let aliases = fields.iter().map(|field| {
        let aliases = &field.aliases;
        quote!(&[#(#aliases),*])
    });
    let indices = 0..fields.len();
    let accessor_docs: Vec<_> = names.iter().map(|name| format!("Returns the column `{name}`.")).collect();
    let docs = [
        format!("Columns of [`{ident}`], built in place."),
        format!("A batch of [`{ident}`], borrowed."),
        format!("A row of [`{ident}`], borrowed."),
    ];
    let [columns_doc, batch_doc, view_doc] = &docs;
    let owned = input.generics.params.is_empty().then(|| {
        quote! {
            impl #rows::Owned for #ident {
                fn from_view(view: #view<'_>) -> Self {
                    #ident { #(#idents: <#types as #rows::Owned>::from_view(view.#idents),)* }
                }
            }
            impl #view<'_> {
                /// Copies the row.
                #[must_use]
                #vis fn to_owned(self) -> #ident {
                    <#ident as #rows::Owned>::from_view(self)
                }
            }
        }
    });

    Ok(quote! {
        #[doc = #columns_doc]
        #[allow(missing_docs, dead_code)]
        #[derive(::core::fmt::Debug)]
        #vis struct #columns<'__a> {
            #(#vises #idents: <#statics as #rows::Value>::Column<'__a>,)*
        }

        #[doc = #batch_doc]
        #[allow(missing_docs)]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #vis struct #batch<'__a> {
            #(#idents: <#statics as #rows::Value>::Cells<'__a>,)*
        }

        #[doc = #view_doc]
        #[allow(missing_docs, dead_code)]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #vis struct #view<'__a> {
            #(#vises #idents: <#statics as #rows::Value>::Ref<'__a>,)*
        }

        #[doc(hidden)]
        #[derive(::core::fmt::Debug)]
        #vis struct #plan {
            #(#idents: #rows::Found<#statics>,)*
        }

        #[allow(dead_code)]
        impl #columns<'_> {
            /// Adds a row to every column.
            #vis fn push(&mut self, row: &#ident) -> ::core::result::Result<(), #krate::codec::BuildError> {
                <#ident as #rows::Row>::push_row(row, self)
            }
        }

        #[allow(dead_code, non_snake_case)]
        impl<'__a> #batch<'__a> {
            #(
                #[doc = #accessor_docs]
                #[must_use]
                #vises fn #idents(&self) -> <#statics as #rows::Value>::Cells<'__a> {
                    self.#idents
                }
            )*
        }

        impl #impl_generics #rows::Row for #ident #type_generics {
            const FIELDS: &'static [#rows::Field] = &[#(
                #rows::Field {
                    name: #names,
                    aliases: #aliases,
                    nullable: <#types as #rows::Value>::NULLABLE,
                    ty: <#types as #rows::Value>::TYPE,
                },
            )*];
            const ROW_SIZES: usize = 0 #(+ <#types as #rows::Value>::SIZES)*;
            const ROW_CATEGORIES: usize = 0 #(+ <#types as #rows::Value>::CATEGORIES)*;
            type Columns<'__a> = #columns<'__a>;
            type Batch<'__a> = #batch<'__a>;
            type View<'__a> = #view<'__a>;
            type RowPlan = #plan;

            fn measure_row(&self, measure: &mut #rows::Measure<'_>) {
                #(measure.field(&self.#idents);)*
            }
            fn measure_fillers(measure: &mut #rows::Measure<'_>) {
                #(measure.filler::<#types>();)*
            }
            fn columns<'__a>(
                making: &mut #rows::Making<'_, '__a>,
            ) -> ::core::result::Result<#columns<'__a>, #krate::codec::BuildError> {
                ::core::result::Result::Ok(#columns {
                    #(#idents: <#types as #rows::Value>::column(making)?,)*
                })
            }
            fn push_row(
                &self,
                columns: &mut #columns<'_>,
            ) -> ::core::result::Result<(), #krate::codec::BuildError> {
                #(<#types as #rows::Value>::push(&self.#idents, &mut columns.#idents)?;)*
                ::core::result::Result::Ok(())
            }
            fn push_fillers(
                columns: &mut #columns<'_>,
            ) -> ::core::result::Result<(), #krate::codec::BuildError> {
                #(#rows::Column::push_filler(&mut columns.#idents)?;)*
                ::core::result::Result::Ok(())
            }
            fn finish(
                columns: #columns<'_>,
                rows: usize,
            ) -> ::core::result::Result<(), #krate::codec::BuildError> {
                #(#rows::Column::finish(columns.#idents, rows)?;)*
                ::core::result::Result::Ok(())
            }
            fn row_plan(found: &#rows::Lookup<'_>) -> ::core::result::Result<#plan, #rows::Mismatch> {
                ::core::result::Result::Ok(#plan {
                    #(#idents: found.find::<#statics>(
                        &<Self as #rows::Row>::FIELDS[#indices],
                    )?,)*
                })
            }
            fn batch<'__a>(plan: &'__a mut #plan, parent: #rows::Parent<'__a>) -> #batch<'__a> {
                #batch { #(#idents: parent.cells(&mut plan.#idents),)* }
            }
            fn view<'__a>(batch: Self::Batch<'__a>, row: usize) -> Self::View<'__a> {
                #view { #(#idents: <#statics as #rows::Value>::get(batch.#idents, row),)* }
            }
        }

        impl #impl_generics #rows::Value for #ident #type_generics {
            const TYPE: #rows::Type = #rows::Type::Struct(<Self as #rows::Row>::FIELDS);
            const SIZES: usize = <Self as #rows::Row>::ROW_SIZES;
            const CATEGORIES: usize = <Self as #rows::Row>::ROW_CATEGORIES;
            type Column<'__a> = #rows::StructColumn<'__a, Self>;
            type Cells<'__a> = #batch<'__a>;
            type Ref<'__a> = #view<'__a>;
            type Plan = #plan;

            fn measure(&self, measure: &mut #rows::Measure<'_>) {
                <Self as #rows::Row>::measure_row(self, measure);
            }
            fn measure_null(measure: &mut #rows::Measure<'_>) {
                <Self as #rows::Row>::measure_fillers(measure);
            }
            fn measure_filler(measure: &mut #rows::Measure<'_>) {
                <Self as #rows::Row>::measure_fillers(measure);
            }
            fn column<'__a>(
                making: &mut #rows::Making<'_, '__a>,
            ) -> ::core::result::Result<Self::Column<'__a>, #krate::codec::BuildError> {
                #rows::StructColumn::new(making)
            }
            fn push(
                &self,
                column: &mut Self::Column<'_>,
            ) -> ::core::result::Result<(), #krate::codec::BuildError> {
                column.push(self)
            }
            fn plan(
                found: &#krate::arrow_schema::DataType,
                path: &str,
            ) -> ::core::result::Result<Self::Plan, #rows::Mismatch> {
                #rows::nested_plan::<Self>(found, path)
            }
            fn cells<'__a>(
                plan: &'__a mut Self::Plan,
                column: ::core::option::Option<
                    #krate::codec::view::ColumnView<'__a, #krate::codec::view::Full>,
                >,
            ) -> Self::Cells<'__a> {
                #rows::nested_cells::<Self>(plan, column)
            }
            fn get<'__a>(cells: Self::Cells<'__a>, row: usize) -> Self::Ref<'__a> {
                <Self as #rows::Row>::view(cells, row)
            }
        }

        impl #impl_generics #rows::Item for #ident #type_generics {}

        #owned
    })
}

/// Returns the fields of the struct, or what it is instead of one that can be a row.
fn fields(input: &DeriveInput) -> Result<Vec<Field<'_>>> {
    let refuse = |text| Err(Error::new_spanned(&input.ident, text));
    let data = match &input.data {
        Data::Struct(data) => data,
        Data::Enum(_) => return refuse("a row is a struct: `Row` cannot be derived for an enum"),
        Data::Union(_) => return refuse("a row is a struct: `Row` cannot be derived for a union"),
    };
    let Fields::Named(named) = &data.fields else {
        return refuse("the fields of a row need names, which become the names of its columns");
    };
    if named.named.is_empty() {
        return refuse("a row needs at least one field");
    }
    let mut params = input.generics.type_params().map(|param| &param.ident);
    let mut consts = input.generics.const_params().map(|param| &param.ident);
    if let Some(param) = params.next().or_else(|| consts.next()) {
        let text = "a row has the same columns everywhere, so it cannot have type parameters or constants";
        return Err(Error::new_spanned(param, text));
    }
    let mut names: Vec<(String, Span)> = Vec::new();
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        let attributes = OfField::read(&field.attrs)?;
        let name = match attributes.rename {
            Some(rename) => (rename.value(), rename.span()),
            None => (ident.unraw().to_string(), ident.span()),
        };
        names.push(name.clone());
        names.extend(attributes.aliases.iter().map(|alias| (alias.value(), alias.span())));
        supported(&field.ty)?;
        let mut ty_static = field.ty.clone();
        make_static(&mut ty_static);
        let aliases = attributes.aliases.iter().map(syn::LitStr::value).collect();
        fields.push(Field { ident, vis: &field.vis, ty: &field.ty, ty_static, name: name.0, aliases });
    }
    distinct(&names)?;
    Ok(fields)
}

/// Refuses the types of which it is plain that they are no column. The compiler refuses others, at more length.
fn supported(ty: &Type) -> Result<()> {
    let refuse = |text| Err(Error::new_spanned(ty, text));
    match ty {
        Type::Tuple(_) => refuse("a tuple is no type of column: use a struct that derives `Row`"),
        Type::Ptr(_) | Type::BareFn(_) | Type::TraitObject(_) | Type::ImplTrait(_) | Type::Never(_) => {
            refuse("not a type of column")
        }
        Type::Slice(_) => refuse("a slice is no type of column: use a `Vec`"),
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => Ok(()),
            _ => refuse("of references, only `&str` is a type of column"),
        },
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Ok(()) };
            if path.path.segments.len() == 1 {
                match last.ident.to_string().as_str() {
                    "usize" => return refuse("`usize` depends on the machine: use `u64`"),
                    "isize" => return refuse("`isize` depends on the machine: use `i64`"),
                    "i128" | "u128" => return refuse("Arrow has no such integer: use `Decimal`"),
                    "char" => return refuse("Arrow has no type of characters: use `String` or `u32`"),
                    _ => {}
                }
            }
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Ok(()) };
            arguments.args.iter().try_for_each(|argument| match argument {
                GenericArgument::Type(ty) => supported(ty),
                _ => Ok(()),
            })
        }
        _ => Ok(()),
    }
}

/// Replaces every lifetime of a type by `'static`: what is generated borrows from the channel, not from the row.
fn make_static(ty: &mut Type) {
    let forever = || syn::Lifetime::new("'static", Span::call_site());
    match ty {
        Type::Reference(reference) => {
            reference.lifetime = Some(forever());
            make_static(&mut reference.elem);
        }
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else { continue };
                for argument in &mut arguments.args {
                    match argument {
                        GenericArgument::Lifetime(lifetime) => *lifetime = forever(),
                        GenericArgument::Type(ty) => make_static(ty),
                        _ => {}
                    }
                }
            }
        }
        Type::Array(array) => make_static(&mut array.elem),
        Type::Slice(slice) => make_static(&mut slice.elem),
        Type::Group(group) => make_static(&mut group.elem),
        Type::Paren(paren) => make_static(&mut paren.elem),
        _ => {}
    }
}
