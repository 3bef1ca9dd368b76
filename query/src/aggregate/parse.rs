//! Reads `AGGREGATES by EXPRESSIONS`.

use arrow_schema::Schema;
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem};
use sqlparser::dialect::DuckDbDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::state::Function;
use crate::compile;
use crate::error::QueryError;
use crate::node::Node;

/// The longest list.
const LONGEST: usize = 64 << 10;

pub(super) struct Parsed {
    pub(super) items: Vec<Item>,
    pub(super) by: Vec<(String, Node)>,
}

pub(super) struct Item {
    pub(super) name: String,
    pub(super) function: Function,
    pub(super) argument: Option<Node>,
}

pub(super) fn parse(sql: &str, schema: &Schema) -> Result<Parsed, QueryError> {
    if sql.len() > LONGEST {
        return Err(QueryError::Unsupported(format!("more than {LONGEST} bytes")));
    }
    let failed = |error: sqlparser::parser::ParserError| QueryError::Syntax(error.to_string());
    let tokens = Tokenizer::new(&DuckDbDialect {}, sql).tokenize();
    let mut tokens = tokens.map_err(|error| QueryError::Syntax(error.to_string()))?;
    // Taken apart here: to SQL's parser `by` behind an aggregate is its alias.
    let groups = by_of(&tokens).map(|at| {
        let groups = tokens.split_off(at);
        groups.into_iter().skip(1).collect::<Vec<_>>()
    });
    let mut parser = Parser::new(&DuckDbDialect {}).with_tokens(tokens);
    let list = parser.parse_comma_separated(Parser::parse_select_item).map_err(failed)?;
    ended(&parser)?;
    let mut by = Vec::new();
    if let Some(groups) = groups {
        let mut parser = Parser::new(&DuckDbDialect {}).with_tokens(groups);
        for expr in parser.parse_comma_separated(Parser::parse_expr).map_err(failed)? {
            by.push((name(&expr), compile::expression(&expr, schema)?));
        }
        ended(&parser)?;
    }
    let items = list.iter().map(|item| read(item, schema)).collect::<Result<_, _>>()?;
    Ok(Parsed { items, by })
}

/// The place of the `by` that no parenthesis is around.
fn by_of(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) => {
                return depth == 0 && word.keyword == Keyword::BY && word.quote_style.is_none();
            }
            _ => {}
        }
        false
    })
}

fn ended(parser: &Parser<'_>) -> Result<(), QueryError> {
    match parser.peek_token() {
        token if token.token == Token::EOF => Ok(()),
        token => Err(QueryError::Syntax(format!("unexpected {token}"))),
    }
}

/// The name of a column that has none: as DuckDB has it.
fn name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        expr => expr.to_string(),
    }
}

fn read(item: &SelectItem, schema: &Schema) -> Result<Item, QueryError> {
    let unsupported = |what: &str| Err(QueryError::Unsupported(what.chars().take(80).collect()));
    let (expr, alias) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.clone())),
        other => return unsupported(&other.to_string()),
    };
    let Expr::Function(call) = expr else { return unsupported(&format!("{expr}, which is no aggregate")) };
    let FunctionArguments::List(list) = &call.args else { return unsupported(&expr.to_string()) };
    let plain = call.over.is_none()
        && call.filter.is_none()
        && call.within_group.is_empty()
        && call.null_treatment.is_none()
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty();
    if !plain {
        return unsupported(&expr.to_string());
    }
    let function = match call.name.to_string().to_ascii_lowercase().as_str() {
        "count" => Function::Count,
        "sum" => Function::Sum,
        "avg" | "mean" => Function::Avg,
        "min" => Function::Min,
        "max" => Function::Max,
        _ => return unsupported(&format!("{expr}: the aggregates are count, sum, avg, min and max")),
    };
    let (argument, own_name) = match (&list.args[..], function) {
        ([] | [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)], Function::Count) => {
            (None, "count_star()".to_owned())
        }
        ([FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))], _) => {
            let node = compile::expression(argument, schema)?;
            let name = format!("{}({})", call.name.to_string().to_ascii_lowercase(), name(argument));
            (Some(node), name)
        }
        _ => return unsupported(&format!("{expr}: an aggregate has one argument")),
    };
    Ok(Item { name: alias.unwrap_or(own_name), function, argument })
}
