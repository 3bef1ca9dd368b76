//! Everything that is computed once for a schema and then only read.

use std::sync::Arc;

use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_schema::{Schema, SchemaRef};

use crate::error::{LayoutError, LayoutFault};
use crate::layout::Layout;
use crate::template::{Carries, Template};
use crate::wire;

/// A schema, laid out and ready to be written: its own message, and a template of every message that may follow.
///
/// Creating one may allocate; later messages are made from it without parsing or building anything.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::{DataType, Field, Schema};
/// use bowstring_codec::Plan;
///
/// let schema = Arc::new(Schema::new(vec![Field::new("price", DataType::Float64, false)]));
/// let plan = Plan::new(schema)?;
/// assert_eq!(plan.schema_message().len() % 64, 0);
/// # Ok::<(), bowstring_codec::LayoutError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    schema: SchemaRef,
    layout: Layout,
    schema_message: Box<[u8]>,
    batch: Template,
    dictionaries: Box<[Template]>,
}

impl Plan {
    /// Plans for a schema, whose dictionaries are numbered 0, 1, 2, … with children before their parents.
    pub fn new(schema: SchemaRef) -> Result<Arc<Self>, LayoutError> {
        let layout = Layout::new(&schema)?;
        let batch = Template::new(Carries::Batch, layout.batch(), layout.batch().views())?;
        let dictionaries = layout.dictionaries().iter().map(|dictionary| {
            let values = &dictionary.values;
            Template::new(Carries::Dictionary(dictionary.id), values, values.views())
        });
        let dictionaries = dictionaries.collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { schema_message: schema_message(&schema)?, schema, layout, batch, dictionaries }))
    }

    /// Returns the schema of the plan.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the schema, flattened.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the message that opens a stream of this schema, framed and padded to a multiple of 64 bytes.
    #[must_use]
    pub fn schema_message(&self) -> &[u8] {
        &self.schema_message
    }

    /// Returns the template of record batches.
    pub(crate) fn batch(&self) -> &Template {
        &self.batch
    }

    /// Returns the templates of dictionary batches, as [`Layout::dictionaries`] has them.
    pub(crate) fn dictionaries(&self) -> &[Template] {
        &self.dictionaries
    }
}

fn schema_message(schema: &Schema) -> Result<Box<[u8]>, LayoutError> {
    let mut ids = DictionaryTracker::new(false);
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        schema,
        &mut ids,
        &IpcWriteOptions::default(),
    );
    wire::frame(&encoded.ipc_message).ok_or(LayoutError { path: "".into(), fault: LayoutFault::TooMany })
}
