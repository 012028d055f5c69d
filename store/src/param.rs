//! Values for the named parameters of a query.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};
use schema::Micros;

/// A value that stands for `$name` in a query; it can never be read as SQL.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// Text.
    Text(String),
    /// An integer.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A moment, as the tables' timestamps hold it.
    Time(Micros),
    /// No value.
    Null,
}

impl Param {
    /// Returns the tokens of a literal with this value.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        match self {
            Param::Text(text) => vec![Token::SingleQuotedString(text.clone())],
            Param::Int(number) => in_parens(&number.to_string()),
            Param::Float(number) if number.is_finite() => in_parens(&format!("{number:?}")),
            Param::Float(number) => call("arrow_cast", Token::SingleQuotedString(number.to_string()), "Float64"),
            Param::Bool(value) => vec![word(if *value { "true" } else { "false" })],
            Param::Time(time) => call("arrow_cast", number(&time.0.to_string()), "Timestamp(Microsecond, Some(\"UTC\"))"),
            Param::Null => vec![word("null")],
        }
    }
}

/// A number, with its sign inside the parentheses, so that what follows binds to both.
fn in_parens(text: &str) -> Vec<Token> {
    match text.strip_prefix('-') {
        Some(digits) => vec![Token::LParen, Token::Minus, number(digits), Token::RParen],
        None => vec![number(text)],
    }
}

fn call(function: &str, argument: Token, type_name: &str) -> Vec<Token> {
    vec![word(function), Token::LParen, argument, Token::Comma, Token::SingleQuotedString(type_name.to_owned()), Token::RParen]
}

fn number(digits: &str) -> Token {
    Token::Number(digits.to_owned(), false)
}

fn word(text: &str) -> Token {
    let keyword = match text {
        "true" => Keyword::TRUE,
        "false" => Keyword::FALSE,
        "null" => Keyword::NULL,
        _ => Keyword::NoKeyword,
    };
    Token::Word(Word { value: text.to_owned(), quote_style: None, keyword })
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Param::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Param::Text(text)
    }
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Param::Int(number)
    }
}

impl From<f64> for Param {
    fn from(number: f64) -> Self {
        Param::Float(number)
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Self {
        Param::Bool(value)
    }
}

impl From<Micros> for Param {
    fn from(time: Micros) -> Self {
        Param::Time(time)
    }
}

impl<T: Into<Param>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}
