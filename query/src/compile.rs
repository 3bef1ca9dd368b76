//! Compiles SQL to typed nodes.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, NullArray, StringArray,
};
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{DataType, IntervalUnit, Schema, TimeUnit};
use sqlparser::ast::{self, BinaryOperator, Expr, Spanned, UnaryOperator, Value};
use sqlparser::dialect::DuckDbDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use crate::compare::Op;
use crate::error::{ConditionError, QueryError};
use crate::place;
use crate::types::{arithmetic, common, is_number, is_string};

/// The longest condition.
const LONGEST: usize = 64 << 10;
/// The deepest nesting of expressions.
const DEEPEST: usize = 100;

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
            | Node::Is(node, _)
            | Node::Cast(node, ..)
            | Node::Negative(node) => node.columns(into),
        }
    }
}

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
                let any = Node::Or(equals.collect::<Result<_, _>>()?);
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
        let pattern = Box::new(convert(text_literal(&out), &string, false)?);
        let like = Node::Like { value: Box::new(value), pattern, any_case };
        Ok(if negated { not(like) } else { like })
    }
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn boolean(node: Node) -> Compiled {
    match node.data_type() {
        DataType::Boolean => Ok(node),
        DataType::Null => Ok(Node::Literal(Arc::new(BooleanArray::new_null(1)))),
        other => Err(QueryError::Type(format!("and, or and not need true or false, and this is {other}"))),
    }
}

fn text_literal(text: &str) -> Node {
    Node::Literal(Arc::new(StringArray::from(vec![text])))
}

fn literal(value: &Value) -> Compiled {
    match value {
        Value::Number(digits, _) => number(digits),
        Value::SingleQuotedString(text) => Ok(text_literal(text)),
        Value::Boolean(value) => Ok(Node::Literal(Arc::new(BooleanArray::from(vec![*value])))),
        Value::Null => Ok(Node::Literal(Arc::new(NullArray::new(1)))),
        other => unsupported(other),
    }
}

/// Compiles a number: an integer, a decimal as written, or with an exponent a floating-point number.
fn number(digits: &str) -> Compiled {
    let digits = digits.replace('_', "");
    if let Ok(value) = digits.parse::<i64>() {
        return Ok(Node::Literal(Arc::new(Int64Array::from(vec![value]))));
    }
    if !digits.contains(['e', 'E']) {
        let scale = digits.split_once('.').map_or(0, |(_, part)| part.len());
        let whole: String = digits.chars().filter(|&c| c != '.').collect();
        let precision = whole.trim_start_matches('-').len().max(1);
        if precision <= 38
            && let Ok(value) = whole.parse::<i128>()
        {
            let value = Decimal128Array::from(vec![value]);
            let value = value.with_precision_and_scale(precision.max(scale) as u8, scale as i8)?;
            return Ok(Node::Literal(Arc::new(value)));
        }
    }
    let value: f64 = digits.parse().map_err(|_| QueryError::Syntax(format!("{digits} is not a number")))?;
    Ok(Node::Literal(Arc::new(Float64Array::from(vec![value]))))
}

/// Converts the node to a type.
fn convert(node: Node, target: &DataType, null: bool) -> Compiled {
    let from = node.data_type();
    if from == target {
        return Ok(node);
    }
    if !can_cast_types(from, target) {
        return Err(QueryError::Type(format!("{from} cannot become {target}")));
    }
    match &node {
        // Once is enough.
        Node::Literal(value) => {
            let options = CastOptions { safe: null, ..CastOptions::default() };
            let value = cast_with_options(value, target, &options)
                .map_err(|error| QueryError::Type(error.to_string()))?;
            Ok(Node::Literal(value))
        }
        _ => Ok(Node::Cast(Box::new(node), target.clone(), null)),
    }
}

fn compare(op: Op, a: Node, b: Node) -> Compiled {
    let (a_type, b_type) = (a.data_type().clone(), b.data_type().clone());
    let a_text = matches!(a, Node::Literal(_)) && is_string(&a_type);
    let b_text = matches!(b, Node::Literal(_)) && is_string(&b_type);
    // A quoted text takes the type that it is compared with.
    let target = match (a_text, b_text) {
        (true, false) if b_type != DataType::Null => b_type,
        (false, true) if a_type != DataType::Null => a_type,
        _ => common(&a_type, &b_type).ok_or_else(|| {
            QueryError::Type(format!("{a_type} cannot be compared with {b_type}; cast one of them"))
        })?,
    };
    if target.is_nested() {
        return unsupported(format!("comparing values of type {target}"));
    }
    Ok(Node::Compare(op, Box::new(convert(a, &target, false)?), Box::new(convert(b, &target, false)?)))
}

fn binary(op: &BinaryOperator, a: Node, b: Node) -> Compiled {
    let sum = match op {
        BinaryOperator::Eq => return compare(Op::Eq, a, b),
        BinaryOperator::NotEq => return compare(Op::NotEq, a, b),
        BinaryOperator::Lt => return compare(Op::Lt, a, b),
        BinaryOperator::LtEq => return compare(Op::LtEq, a, b),
        BinaryOperator::Gt => return compare(Op::Gt, a, b),
        BinaryOperator::GtEq => return compare(Op::GtEq, a, b),
        BinaryOperator::Plus => Sum::Add,
        BinaryOperator::Minus => Sum::Subtract,
        BinaryOperator::Multiply => Sum::Multiply,
        BinaryOperator::Divide => Sum::Divide,
        BinaryOperator::DuckIntegerDivide => Sum::DivideWhole,
        BinaryOperator::Modulo => Sum::Remainder,
        other => return unsupported(format!("the operator {other}")),
    };
    let (a_type, b_type) = (a.data_type().clone(), b.data_type().clone());
    let wrong = || QueryError::Type(format!("{a_type} {op} {b_type} makes no sense"));
    let sums = matches!(sum, Sum::Add | Sum::Subtract);
    let moment = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    let stretch = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_));
    if sums && moment(&a_type) && stretch(&b_type) {
        // A date plus an interval gives a timestamp, as in DuckDB.
        let target = match &a_type {
            DataType::Timestamp(..) => a_type.clone(),
            _ => DataType::Timestamp(TimeUnit::Microsecond, None),
        };
        let a = convert(a, &target, false)?;
        return Ok(Node::Sum(sum, Box::new(a), Box::new(b), target));
    }
    if sums && matches!(a_type, DataType::Date32) && b_type.is_integer() {
        let days = convert(convert(a, &DataType::Int32, false)?, &DataType::Int64, false)?;
        let b = convert(b, &DataType::Int64, false)?;
        let days = Node::Sum(sum, Box::new(days), Box::new(b), DataType::Int64);
        return convert(convert(days, &DataType::Int32, false)?, &DataType::Date32, false);
    }
    if sum == Sum::Subtract && matches!((&a_type, &b_type), (DataType::Date32, DataType::Date32)) {
        let days = |node| convert(convert(node, &DataType::Int32, false)?, &DataType::Int64, false);
        return Ok(Node::Sum(sum, Box::new(days(a)?), Box::new(days(b)?), DataType::Int64));
    }
    let (left, right) = arithmetic(&a_type, &b_type)
        .filter(|_| (is_number(&a_type) || a_type.is_null()) && (is_number(&b_type) || b_type.is_null()))
        .ok_or_else(wrong)?;
    let (left, right, result) = match sum {
        Sum::Divide => (DataType::Float64, DataType::Float64, DataType::Float64),
        Sum::DivideWhole if !(left.is_integer() && right.is_integer()) => return Err(wrong()),
        _ if left.is_integer() || left.is_floating() => (left.clone(), right, left),
        _ => {
            let result = decimal_result(sum, &left, &right).ok_or_else(wrong)?;
            (left, right, result)
        }
    };
    Ok(Node::Sum(sum, Box::new(convert(a, &left, false)?), Box::new(convert(b, &right, false)?), result))
}

/// Returns the type that Arrow's kernels give a sum of decimals.
fn decimal_result(sum: Sum, a: &DataType, b: &DataType) -> Option<DataType> {
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) = (a, b) else { return None };
    let (p1, p2) = (i16::from(*p1), i16::from(*p2));
    let (s1, s2) = (i16::from(*s1), i16::from(*s2));
    let (precision, scale) = match sum {
        Sum::Add | Sum::Subtract => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
        Sum::Multiply => (p1 + p2 + 1, s1 + s2),
        Sum::Remainder => (s1.max(s2) + (p1 - s1).min(p2 - s2), s1.max(s2)),
        Sum::Divide | Sum::DivideWhole => return None,
    };
    Some(DataType::Decimal128(precision.min(38) as u8, scale.min(38) as i8))
}

fn data_type(sql: &ast::DataType) -> Result<DataType, QueryError> {
    use ast::DataType as S;
    Ok(match sql {
        S::Boolean | S::Bool => DataType::Boolean,
        S::TinyInt(_) => DataType::Int8,
        S::SmallInt(_) | S::Int2(_) => DataType::Int16,
        S::Int(_) | S::Integer(_) | S::Int4(_) => DataType::Int32,
        S::BigInt(_) | S::Int8(_) | S::Int64 => DataType::Int64,
        S::UTinyInt => DataType::UInt8,
        S::USmallInt => DataType::UInt16,
        S::UBigInt => DataType::UInt64,
        S::Real | S::Float4 => DataType::Float32,
        S::Float(_) => DataType::Float32,
        S::Double(_) | S::DoublePrecision | S::Float8 | S::Float64 => DataType::Float64,
        S::Varchar(_) | S::Text | S::String(_) | S::CharVarying(_) | S::Char(_) => DataType::Utf8,
        S::Date => DataType::Date32,
        S::Timestamp(_, ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone) | S::Datetime(_) => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        S::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        S::Time(..) => DataType::Time64(TimeUnit::Microsecond),
        S::Decimal(ast::ExactNumberInfo::PrecisionAndScale(p, s))
        | S::Numeric(ast::ExactNumberInfo::PrecisionAndScale(p, s)) => {
            match (u8::try_from(*p), i8::try_from(*s)) {
                (Ok(p @ 1..=38), Ok(s)) if s >= 0 && s as u8 <= p => DataType::Decimal128(p, s),
                _ => return unsupported(sql),
            }
        }
        S::Decimal(ast::ExactNumberInfo::None) | S::Numeric(ast::ExactNumberInfo::None) => {
            DataType::Decimal128(18, 3)
        }
        other => return unsupported(other),
    })
}
