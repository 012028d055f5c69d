//! Reads the Python repr of lists, dicts and dataclasses, which some senders put where JSON belongs.

use serde_json::{Map, Number, Value};

use super::value::DEPTH_MAX;

/// Parses a Python literal; a constructor call such as `Usage(input=1)` becomes an object with `__class__`.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == reader.bytes.len()).then_some(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.dict(depth),
            b'[' => self.list(b']', depth).map(Value::Array),
            b'(' => self.list(b')', depth).map(Value::Array),
            b'\'' | b'"' => self.string().map(Value::String),
            b'-' | b'0'..=b'9' => self.number(),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => self.word(depth),
            b'<' => self.angle(),
            _ => None,
        }
    }

    fn list(&mut self, close: u8, depth: usize) -> Option<Vec<Value>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            if self.eat(close).is_some() {
                return Some(items);
            }
            items.push(self.value(depth + 1)?);
            if self.eat(b',').is_none() {
                self.eat(close)?;
                return Some(items);
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            if self.eat(b'}').is_some() {
                return Some(Value::Object(map));
            }
            let key = match self.value(depth + 1)? {
                Value::String(key) => key,
                other => other.to_string(),
            };
            self.eat(b':')?;
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            if self.eat(b',').is_none() {
                self.eat(b'}')?;
                return Some(Value::Object(map));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                _ if byte == quote => return String::from_utf8(text).ok(),
                b'\\' => self.escape(&mut text)?,
                _ => text.push(byte),
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        let digits = match byte {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            plain => {
                text.push(match plain {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => other,
                });
                return Some(());
            }
        };
        let code = std::str::from_utf8(self.bytes.get(self.at..self.at + digits)?).ok()?;
        self.at += digits;
        let character = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let text = std::str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
        match text.parse::<i64>() {
            Ok(number) => Some(Value::Number(number.into())),
            Err(_) => Number::from_f64(text.parse().ok()?).map(Value::Number),
        }
    }

    /// `True`, `None`, an enum member such as `Role.USER`, or a constructor call.
    fn word(&mut self, depth: usize) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')) {
            self.at += 1;
        }
        let word = std::str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
        match word {
            "True" | "true" => return Some(Value::Bool(true)),
            "False" | "false" => return Some(Value::Bool(false)),
            "None" | "null" | "nan" | "inf" => return Some(Value::Null),
            _ => {}
        }
        let word = word.to_owned();
        if self.peek() != Some(b'(') {
            return Some(Value::String(word));
        }
        self.call(word, depth)
    }

    fn call(&mut self, class: String, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut map = Map::new();
        map.insert("__class__".to_owned(), Value::String(class));
        for position in 0_usize.. {
            if self.eat(b')').is_some() {
                break;
            }
            self.space();
            let key = self.keyword().unwrap_or_else(|| position.to_string());
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            if self.eat(b',').is_none() {
                self.eat(b')')?;
                break;
            }
        }
        Some(Value::Object(map))
    }

    fn keyword(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
        if length == 0 || rest.get(length) != Some(&b'=') {
            return None;
        }
        self.at += length + 1;
        String::from_utf8(rest[..length].to_vec()).ok()
    }

    /// `<Role.USER: 'user'>` and other reprs between angle brackets, as text.
    fn angle(&mut self) -> Option<Value> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| *byte == b'>')?;
        self.at += length + 1;
        let inner = std::str::from_utf8(rest.get(1..length)?).ok()?;
        let value = inner.rsplit_once(": ").map_or(inner, |(_, value)| value);
        Some(Value::String(value.trim_matches('\'').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expect: &serde_json::Value) {
        assert_eq!(super::parse(text).as_ref(), Some(expect));
    }

    #[test]
    fn literals() {
        check("{'a': None, 'b': [1, 2.5, True], \"c\": 'it\\'s'}", &json!({"a": null, "b": [1, 2.5, true], "c": "it's"}));
        check("(1,)", &json!([1]));
        check("[Call(arguments='{\"city\": 1}', name='f')]", &json!([{"__class__": "Call", "arguments": "{\"city\": 1}", "name": "f"}]));
        check("{'role': <Role.USER: 'user'>}", &json!({"role": "user"}));
    }

    #[test]
    fn hostile_text_is_refused() {
        assert_eq!(super::parse(&"[".repeat(100_000)), None);
        assert_eq!(super::parse("{'a': "), None);
        assert_eq!(super::parse("'\\xzz'"), None);
    }
}
