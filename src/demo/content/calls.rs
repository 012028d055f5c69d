//! Telephone calls for the summariser: a subject, how the talk goes, and what a clerk would write down.

/// A kind of call.
#[derive(Debug)]
pub struct Call {
    /// One line, as a ticket's title.
    pub title: &'static str,
    /// `positive`, `neutral` or `negative`.
    pub sentiment: &'static str,
    /// What the caller says about the matter, in order.
    pub caller: &'static [&'static str],
    /// What the clerk says.
    pub clerk: &'static [&'static str],
    /// What has to be done.
    pub actions: &'static [&'static str],
}

/// Small talk between the sentences of a call, as transcripts have it.
pub const FILLERS: &[&str] = &[
    "Right, one moment please, the system is a bit slow today.",
    "Yes, I can hear you now, go ahead.",
    "Sorry, there is some noise on the line, could you say that again?",
    "Mhm. And was that before or after the weekend?",
    "I had a look at the website but could not find it there.",
    "My neighbour has the same bike and never had this.",
    "I use it every day for the school run, rain or shine.",
    "Let me just write that down.",
    "I understand, that must be annoying.",
    "Is it the one with the long wheelbase?",
    "I would have sent a mail, but I prefer to talk to somebody.",
    "Thank you for waiting.",
    "No, nobody else has ridden it.",
    "Could you read me the number on the sticker under the saddle?",
    "It says something with an L in front, let me find my glasses.",
    "We have had quite a few calls about that this week.",
    "And the colour was the dark green one, is that right?",
    "I was told the opposite in the shop, to be honest.",
];

/// All kinds of calls.
pub const CALLS: &[Call] = &[
    Call {
        title: "Delivery came without the key of the battery",
        sentiment: "negative",
        caller: &[
            "The bike came this morning and the key for the battery is not in the box.",
            "I have looked through all the paper and the tool bag twice.",
            "I need it on Monday because my car is already sold.",
        ],
        clerk: &["I can have a spare key cut from the number on the lock.", "It goes out by courier today and needs a signature."],
        actions: &["Send a spare key by courier", "Check the packing list of the warehouse"],
    },
    Call {
        title: "Squeaking front brake after first service",
        sentiment: "neutral",
        caller: &[
            "Since the service the front brake squeaks when it is wet.",
            "It brakes well, it is only the noise.",
            "I ride about twenty kilometres a day.",
        ],
        clerk: &["That is often a little grease on the disc.", "The mobile workshop can clean it at your house."],
        actions: &["Book the mobile workshop", "Tell the workshop about the grease"],
    },
    Call {
        title: "Wants to move from subscription to purchase",
        sentiment: "positive",
        caller: &[
            "We love the bike and would like to keep it for good.",
            "How much is left if we buy it now instead of paying every month?",
            "And would the insurance go on?",
        ],
        clerk: &["I can send you an offer with the remaining price.", "The insurance can continue under Larkspur Cover."],
        actions: &["Send an offer for the purchase", "Explain the insurance in the offer"],
    },
    Call {
        title: "Charged twice for one order",
        sentiment: "negative",
        caller: &[
            "My bank shows two payments for the same order.",
            "One was on Friday and one on Saturday, the same amount.",
            "I would like the second one back quickly, please.",
        ],
        clerk: &["I can see both payments here.", "The second one is refunded today and should arrive within a week."],
        actions: &["Refund the second payment", "Report the double charge to the payments team"],
    },
    Call {
        title: "Question about the rain tent",
        sentiment: "neutral",
        caller: &[
            "Does the rain tent fit on the bike with the flat deck?",
            "We have two children and a dog.",
            "It should not take too long to put up.",
        ],
        clerk: &["The tent fits on the bench version only.", "There is a cover for the flat deck, which is cheaper."],
        actions: &["Send the link to the deck cover"],
    },
    Call {
        title: "Stolen bike found by the recovery team",
        sentiment: "positive",
        caller: &["Your team found my bike in a garage two towns away.", "I did not believe I would see it again.", "The lock is broken, of course."],
        clerk: &["I am very glad to hear that.", "We can put a new lock on it at the service, the cover pays for it."],
        actions: &["Order a new lock on the cover", "Close the theft case"],
    },
    Call {
        title: "Range is half of what was promised",
        sentiment: "negative",
        caller: &[
            "I get thirty kilometres out of the battery and you promised seventy.",
            "It was like that from the first week.",
            "I ride in Turbo most of the time, the hills are steep here.",
        ],
        clerk: &["Turbo uses about twice as much as Tour.", "We can read out the battery to make sure it is sound."],
        actions: &["Book a battery check", "Send the table of ranges by mode"],
    },
    Call {
        title: "Company wants twelve bikes for its post room",
        sentiment: "positive",
        caller: &[
            "We are a hospital and would like to replace our vans inside the grounds.",
            "It would be about twelve bikes with lockable boxes.",
            "Is there a discount and who looks after them?",
        ],
        clerk: &["From ten bikes on there is a fleet contract with service on site.", "I will ask our fleet team to call you tomorrow."],
        actions: &["Have the fleet team call back", "Prepare a quote for twelve bikes with boxes"],
    },
];
