//! The system prompts and tools of the three apps.

/// The support bot's prompt before and after the deploy in the middle.
pub const SUPPORT: [&str; 2] = [
    "You are the help desk of Larkspur Cycles, maker of electric cargo bikes. Answer from the context alone, in at most four sentences. If the context does not hold the answer, say so.",
    "You are the help desk of Larkspur Cycles, maker of electric cargo bikes. Answer from the context alone, in at most four plain sentences. Keep every number as it stands. If the context does not hold the answer, say so.",
];

/// The workshop agent's prompt.
pub const WORKSHOP: &str = "You help the staff of Larkspur Cycles with orders, stock and appointments. Use the tools; never invent an order, a part or a date. Before you refund or book, look the order up. Answer in one or two sentences and name the order.";

/// The prompt of the summariser of phone calls.
pub const DIGEST: &str = "Summarise the call for the ticket. Return JSON with the keys title, sentiment (positive, neutral or negative), product, order and actions (a list of short sentences). Leave out names and telephone numbers.";

/// The agent's tools, in OpenTelemetry's shape of tool definitions.
pub const TOOLS: &str = r#"[{"type":"function","name":"find_order","description":"Find an order by its number.","parameters":{"type":"object","properties":{"order":{"type":"string"}},"required":["order"]}},{"type":"function","name":"check_stock","description":"Count a part in a workshop.","parameters":{"type":"object","properties":{"part":{"type":"string"},"workshop":{"type":"string"}},"required":["part","workshop"]}},{"type":"function","name":"list_slots","description":"List free appointments of a workshop.","parameters":{"type":"object","properties":{"workshop":{"type":"string"},"week":{"type":"integer"}},"required":["workshop","week"]}},{"type":"function","name":"book_service","description":"Book an appointment for an order.","parameters":{"type":"object","properties":{"order":{"type":"string"},"workshop":{"type":"string"},"slot":{"type":"string"}},"required":["order","workshop","slot"]}},{"type":"function","name":"refund","description":"Refund an amount in pounds.","parameters":{"type":"object","properties":{"order":{"type":"string"},"pounds":{"type":"integer"}},"required":["order","pounds"]}}]"#;

/// The schema of the summariser's answer.
pub const DIGEST_SCHEMA: &str = r#"{"type":"object","properties":{"title":{"type":"string"},"sentiment":{"enum":["positive","neutral","negative"]},"product":{"type":"string"},"order":{"type":"string"},"actions":{"type":"array","items":{"type":"string"}}},"required":["title","sentiment","actions"]}"#;
