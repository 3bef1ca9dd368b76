//! Typed expressions.

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::compare::Op;

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    Add,
    Subtract,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
}

/// A typed expression.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Column(usize, DataType),
    /// One value.
    Literal(ArrayRef),
    Compare(Op, Box<Node>, Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    IsNull(Box<Node>),
    /// True if a text is one of several.
    OneOf(Box<Node>, Vec<String>),
    /// True if a text begins with that one.
    BeginsWith(Box<Node>, String),
    /// True if the value is that one, and otherwise false, also for null.
    Is(Box<Node>, bool),
    Like {
        value: Box<Node>,
        pattern: Box<Node>,
        any_case: bool,
    },
    /// With null instead of an error if that was requested.
    Cast(Box<Node>, DataType, bool),
    Sum(Sum, Box<Node>, Box<Node>, DataType),
    Negative(Box<Node>),
}

impl Node {
    pub(crate) fn data_type(&self) -> &DataType {
        match self {
            Node::Column(_, data_type) | Node::Cast(_, data_type, _) | Node::Sum(.., data_type) => data_type,
            Node::Literal(value) => value.data_type(),
            Node::Negative(node) => node.data_type(),
            _ => &DataType::Boolean,
        }
    }

    /// Collects the columns that are read.
    pub(crate) fn columns(&self, into: &mut Vec<usize>) {
        match self {
            Node::Column(place, _) => into.push(*place),
            Node::Literal(_) => {}
            Node::Compare(_, a, b) | Node::Sum(_, a, b, _) => {
                a.columns(into);
                b.columns(into);
            }
            Node::Like { value, pattern, .. } => {
                value.columns(into);
                pattern.columns(into);
            }
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.columns(into)),
            Node::Not(node)
            | Node::IsNull(node)
            | Node::OneOf(node, _)
            | Node::BeginsWith(node, _)
            | Node::Is(node, _)
            | Node::Cast(node, ..)
            | Node::Negative(node) => node.columns(into),
        }
    }
}
