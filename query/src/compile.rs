//! Compiles SQL to typed nodes.

mod literal;
mod operators;

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, StringArray};
use arrow_schema::{DataType, IntervalUnit, Schema};
use sqlparser::ast::{self, BinaryOperator, Expr, Spanned, UnaryOperator, Value};
use sqlparser::dialect::DuckDbDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use self::literal::{data_type, literal, number, text_literal};
use self::operators::{binary, compare, convert};
use crate::compare::Op;
use crate::error::{ConditionError, QueryError};
use crate::node::Node;
use crate::place;
use crate::types::{arithmetic, has_offsets, is_string};

/// The longest condition.
const LONGEST: usize = 64 << 10;
/// The deepest nesting of expressions.
const DEEPEST: usize = 100;
pub(crate) fn compile(sql: &str, schema: &Schema) -> Result<Node, ConditionError> {
    if sql.len() > LONGEST {
        return Err(QueryError::Unsupported(format!("more than {LONGEST} bytes")).into());
    }
    let failed = |error: sqlparser::parser::ParserError| {
        let words = error.to_string();
        ConditionError { at: place::in_words(sql, &words), error: QueryError::Syntax(words) }
    };
    let mut parser = Parser::new(&DuckDbDialect {}).try_with_sql(sql).map_err(failed)?;
    let expr = parser.parse_expr().map_err(failed)?;
    let behind = parser.peek_token();
    if behind.token != Token::EOF {
        let at = place::byte(sql, behind.span.start);
        return Err(ConditionError { at, error: QueryError::Syntax(format!("unexpected {behind}")) });
    }
    let mut compiler = Compiler::new(schema);
    let node = compiler.node(&expr);
    node.map_err(|error| ConditionError { at: place::byte(sql, compiler.failed), error })
}

/// Compiles an expression that was parsed as a part of something else.
pub(crate) fn expression(expr: &Expr, schema: &Schema) -> Result<Node, QueryError> {
    Compiler::new(schema).node(expr)
}

struct Compiler<'a> {
    schema: &'a Schema,
    depth: usize,
    /// The start of the innermost expression that failed; line 0 if none has.
    failed: Location,
}

type Compiled = Result<Node, QueryError>;

fn unsupported<T>(what: impl std::fmt::Display) -> Result<T, QueryError> {
    let mut what = what.to_string();
    if let Some((at, _)) = what.char_indices().nth(80) {
        what.truncate(at);
        what.push('…');
    }
    Err(QueryError::Unsupported(what))
}

impl<'a> Compiler<'a> {
    fn new(schema: &'a Schema) -> Compiler<'a> {
        Compiler { schema, depth: 0, failed: Location::empty() }
    }

    fn node(&mut self, expr: &Expr) -> Compiled {
        if self.depth == DEEPEST {
            return unsupported(format!("expressions more than {DEEPEST} deep"));
        }
        self.depth += 1;
        let node = self.inner(expr);
        self.depth -= 1;
        if node.is_err() && self.failed.line == 0 {
            self.failed = expr.span().start;
        }
        node
    }

    fn inner(&mut self, expr: &Expr) -> Compiled {
        match expr {
            Expr::Nested(inner) => self.node(inner),
            Expr::Identifier(name) => self.column(&name.value, name.quote_style.is_some()),
            // A field of a struct column is not read, so the last of several names is a column too.
            Expr::CompoundIdentifier(names) if names.len() == 1 => {
                self.column(&names[0].value, names[0].quote_style.is_some())
            }
            Expr::Value(value) => literal(&value.value),
            Expr::TypedString(typed) => match &typed.value.value {
                Value::SingleQuotedString(text) => {
                    let target = data_type(&typed.data_type)?;
                    convert(text_literal(text), &target, false)
                }
                other => unsupported(other),
            },
            Expr::Interval(interval) => self.interval(interval),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                // Long chains lean to the left; they are walked in a loop, not by recursion.
                let (mut parts, mut rest) = (Vec::new(), expr);
                while let Expr::BinaryOp { left, op: this, right } = rest
                    && this == op
                {
                    parts.push(boolean(self.node(right)?)?);
                    rest = left;
                }
                parts.push(boolean(self.node(rest)?)?);
                parts.reverse();
                Ok(if *op == BinaryOperator::And { Node::And(parts) } else { Node::Or(parts) })
            }
            Expr::BinaryOp { left, op, right } => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                binary(op, left, right)
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok(Node::Not(Box::new(boolean(self.node(expr)?)?)))
            }
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.node(expr),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                if let Expr::Value(value) = &**expr
                    && let Value::Number(digits, _) = &value.value
                {
                    return number(&format!("-{digits}"));
                }
                let node = self.node(expr)?;
                let (wider, _) = arithmetic(node.data_type(), node.data_type())
                    .ok_or_else(|| QueryError::Type(format!("-{} makes no sense", node.data_type())))?;
                Ok(Node::Negative(Box::new(convert(node, &wider, false)?)))
            }
            Expr::IsNull(expr) => Ok(Node::IsNull(Box::new(self.node(expr)?))),
            Expr::IsNotNull(expr) => Ok(not(Node::IsNull(Box::new(self.node(expr)?)))),
            Expr::IsTrue(expr) => self.is(expr, true),
            Expr::IsFalse(expr) => self.is(expr, false),
            Expr::IsNotTrue(expr) => self.is(expr, true).map(not),
            Expr::IsNotFalse(expr) => self.is(expr, false).map(not),
            Expr::IsDistinctFrom(a, b) => compare(Op::NotSame, self.node(a)?, self.node(b)?),
            Expr::IsNotDistinctFrom(a, b) => compare(Op::Same, self.node(a)?, self.node(b)?),
            Expr::Between { expr, negated, low, high } => {
                let value = self.node(expr)?;
                let above = compare(Op::GtEq, value.clone(), self.node(low)?)?;
                let below = compare(Op::LtEq, value, self.node(high)?)?;
                let between = Node::And(vec![above, below]);
                Ok(if *negated { not(between) } else { between })
            }
            Expr::In { expr, target: ast::InTarget::List(list), negated, global: false } => {
                let value = self.node(expr)?;
                let equals = list.iter().map(|one| {
                    let one = self.node(one)?;
                    compare(Op::Eq, value.clone(), one)
                });
                let equals = equals.collect::<Result<_, _>>()?;
                // A constant may be looked for in several columns.
                let any = if matches!(value, Node::Literal(_)) { Node::Or(equals) } else { one_of(equals) };
                Ok(if *negated { not(any) } else { any })
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, false)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, true)
            }
            Expr::Cast { kind, expr, data_type: target, .. } => {
                let node = self.node(expr)?;
                let target = data_type(target)?;
                let null = matches!(kind, ast::CastKind::TryCast | ast::CastKind::SafeCast);
                convert(node, &target, null)
            }
            other => unsupported(other),
        }
    }

    /// Finds a column: by its exact name, or, if it is not quoted, ignoring case.
    fn column(&self, name: &str, quoted: bool) -> Compiled {
        let fields = self.schema.fields();
        let exact = fields.iter().position(|field| field.name() == name);
        let alike = || fields.iter().position(|field| field.name().eq_ignore_ascii_case(name));
        let place = exact.or_else(|| if quoted { None } else { alike() });
        let place = place.ok_or_else(|| QueryError::NoColumn {
            name: name.to_owned(),
            there: fields.iter().map(|field| field.name().clone()).collect(),
        })?;
        let column = Node::Column(place, fields[place].data_type().clone());
        match fields[place].data_type() {
            DataType::Dictionary(_, values) => {
                let values = values.as_ref().clone();
                Ok(Node::Cast(Box::new(column), values, false))
            }
            _ => Ok(column),
        }
    }

    fn is(&mut self, expr: &Expr, value: bool) -> Compiled {
        Ok(Node::Is(Box::new(boolean(self.node(expr)?)?), value))
    }

    fn interval(&mut self, interval: &ast::Interval) -> Compiled {
        let text = match &*interval.value {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => text.clone(),
                other => return unsupported(other),
            },
            other => return unsupported(other),
        };
        let unit = interval.leading_field.as_ref().map(ToString::to_string).unwrap_or_default();
        let literal = text_literal(&format!("{text} {unit}"));
        convert(literal, &DataType::Interval(IntervalUnit::MonthDayNano), false)
    }

    fn like(
        &mut self,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
        any_case: bool,
    ) -> Compiled {
        let (value, pattern) = (self.node(value)?, self.node(pattern)?);
        let escape = match escape {
            None => None,
            Some(Expr::Value(value)) => match &value.value {
                Value::SingleQuotedString(text) if text.chars().count() <= 1 => text.chars().next(),
                other => return unsupported(format!("escape {other}")),
            },
            Some(other) => return unsupported(format!("escape {other}")),
        };
        let (string, null) = (value.data_type().clone(), DataType::Null);
        if string == null || *pattern.data_type() == null {
            return Ok(Node::Literal(Arc::new(BooleanArray::new_null(1))));
        }
        let Node::Literal(literal) = &pattern else {
            return unsupported("a pattern that is not a text between quotes");
        };
        let text = literal.as_any().downcast_ref::<StringArray>().filter(|_| is_string(&string));
        let text = text.ok_or_else(|| QueryError::Type(format!("like needs text, and this is {string}")))?;
        // Arrow's patterns use a backslash to escape; in SQL nothing is escaped unless a character is named.
        let (mut out, mut chars) = (String::new(), text.value(0).chars());
        while let Some(c) = chars.next() {
            match c {
                c if Some(c) == escape => match chars.next() {
                    Some(next) => out.extend(['\\', next]),
                    None => return unsupported("a pattern that ends with its escape character"),
                },
                '\\' => out.push_str("\\\\"),
                c => out.push(c),
            }
        }
        let begins = out.strip_suffix('%').filter(|text| !any_case && !text.contains(['%', '_', '\\']));
        let like = match begins {
            Some(text) if has_offsets(&string) => Node::BeginsWith(Box::new(value), text.to_owned()),
            _ => {
                let pattern = Box::new(convert(text_literal(&out), &string, false)?);
                Node::Like { value: Box::new(value), pattern, any_case }
            }
        };
        Ok(if negated { not(like) } else { like })
    }
}

/// Returns comparisons of one value as one node: one look at each text, if they are texts.
fn one_of(equals: Vec<Node>) -> Node {
    let mut texts = Vec::new();
    let mut value = None;
    for equal in &equals {
        match equal {
            Node::OneOf(node, list) => {
                value = Some(node.clone());
                texts.extend_from_slice(list);
            }
            _ => return Node::Or(equals),
        }
    }
    match value {
        Some(value) => Node::OneOf(value, texts),
        None => Node::Or(equals),
    }
}

pub(super) fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn boolean(node: Node) -> Compiled {
    match node.data_type() {
        DataType::Boolean => Ok(node),
        DataType::Null => Ok(Node::Literal(Arc::new(BooleanArray::new_null(1)))),
        other => Err(QueryError::Type(format!("and, or and not need true or false, and this is {other}"))),
    }
}
