//! What the staff ask the workshop agent, which tools it calls, and what it says in the end.
//!
//! In every text `{order}`, `{part}`, `{town}`, `{other}`, `{count}`, `{week}`, `{slot}` and `{pounds}` are filled in for each run.

/// A request and the way to its answer.
#[derive(Debug)]
pub struct Job {
    /// What the member of staff writes.
    pub requests: &'static [&'static str],
    /// Rounds of tool calls; those of one round are asked for together.
    pub rounds: &'static [&'static [Tool]],
    /// The answer.
    pub answer: &'static str,
}

/// One tool call.
#[derive(Debug)]
pub struct Tool {
    /// Name of the tool.
    pub name: &'static str,
    /// Arguments, JSON.
    pub arguments: &'static str,
    /// What it gives back, JSON.
    pub result: &'static str,
}

const FIND: Tool = Tool {
    name: "find_order",
    arguments: r#"{"order":"{order}"}"#,
    result: r#"{"order":"{order}","model":"Haul","stage":"packed","paid":true,"town":"{town}"}"#,
};

/// All jobs.
pub const JOBS: &[Job] = &[
    Job {
        requests: &["Where is order {order}?", "what's the status of {order}", "Customer on the phone about {order}, is it packed yet?"],
        rounds: &[&[FIND]],
        answer: "Order {order} is packed and paid; it leaves for {town} with the next van.",
    },
    Job {
        requests: &["Do we have {part} in {town} or {other}?", "stock of {part} please, {town} and {other}"],
        rounds: &[&[
            Tool {
                name: "check_stock",
                arguments: r#"{"part":"{part}","workshop":"{town}"}"#,
                result: r#"{"part":"{part}","workshop":"{town}","count":{count}}"#,
            },
            Tool {
                name: "check_stock",
                arguments: r#"{"part":"{part}","workshop":"{other}"}"#,
                result: r#"{"part":"{part}","workshop":"{other}","count":0}"#,
            },
        ]],
        answer: "{town} has {count} pieces of {part}; {other} has none.",
    },
    Job {
        requests: &["Book a small service for {order} in {town}, week {week}", "{order} needs a service in {town} in week {week}, please book"],
        rounds: &[
            &[
                FIND,
                Tool {
                    name: "list_slots",
                    arguments: r#"{"workshop":"{town}","week":{week}}"#,
                    result: r#"{"workshop":"{town}","slots":["{slot}","Friday 15:30"]}"#,
                },
            ],
            &[Tool {
                name: "book_service",
                arguments: r#"{"order":"{order}","workshop":"{town}","slot":"{slot}"}"#,
                result: r#"{"booked":true,"order":"{order}","slot":"{slot}"}"#,
            }],
        ],
        answer: "The service for order {order} is booked in {town} on {slot} of week {week}.",
    },
    Job {
        requests: &["Refund {pounds} pounds on {order}, the mudguard came scratched", "please refund {pounds} on order {order}"],
        rounds: &[
            &[FIND],
            &[Tool { name: "refund", arguments: r#"{"order":"{order}","pounds":{pounds}}"#, result: r#"{"refunded":{pounds},"order":"{order}"}"# }],
        ],
        answer: "I refunded {pounds} pounds on order {order}; it arrives within 7 working days.",
    },
];

/// Part numbers.
pub const PARTS: &[&str] = &["BRK-22", "CHN-08", "DSP-51", "LGT-17", "TYR-20", "BAT-62", "LCK-03", "SDL-44"];

/// Towns with a workshop.
pub const TOWNS: &[&str] = &["Leeds", "Bristol", "Glasgow", "Cardiff", "London"];

/// Appointments.
pub const SLOTS: &[&str] = &["Monday 09:00", "Tuesday 11:30", "Wednesday 14:00", "Thursday 10:15"];

/// How tools fail.
pub const TOOL_ERRORS: &[(&str, &str)] = &[
    ("TimeoutError", "depot service did not answer within 5 s"),
    ("ConnectionError", "connection to the stock ledger was reset"),
    ("OrderNotFound", "the ledger has no such order"),
];
