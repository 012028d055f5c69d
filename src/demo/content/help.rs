//! The help centre of Larkspur Cycles, an invented maker of electric cargo bikes: what the support bot retrieves and answers from.

/// An article of the help centre.
#[derive(Debug)]
pub struct Article {
    /// Id under which the retriever returns it.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// What people ask, in their words.
    pub questions: &'static [&'static str],
    /// What the article says, sentence by sentence.
    pub facts: &'static [Fact],
    /// Sentences that a model makes up about the subject; no article says them.
    pub inventions: &'static [&'static str],
}

/// A sentence of an article and how a good answer repeats it.
#[derive(Debug)]
pub struct Fact {
    /// As the article has it.
    pub source: &'static str,
    /// As a grounded answer has it.
    pub answer: &'static str,
}

const fn fact(source: &'static str, answer: &'static str) -> Fact {
    Fact { source, answer }
}

impl Article {
    /// Returns the text of the article as the retriever returns it.
    pub fn text(&self) -> String {
        let sentences: Vec<&str> = self.facts.iter().map(|fact| fact.source).collect();
        format!("{}. {}", self.title, sentences.join(" "))
    }
}

/// All articles. A fact a line reads better than rustfmt's four.
#[rustfmt::skip]
pub const ARTICLES: &[Article] = &[
    Article {
        id: "kb-101",
        title: "Delivery times and costs",
        questions: &[
            "How long does delivery of a Haul take?",
            "When will my bike arrive? I ordered it yesterday",
            "do you charge for delivery to Scotland",
            "Can I pick a delivery day?",
        ],
        facts: &[
            fact("Bikes leave our Leeds warehouse within 4 working days of payment.", "Your bike leaves the Leeds warehouse within 4 working days of payment."),
            fact("Delivery within mainland Britain costs 45 pounds and takes 2 to 3 working days by van.", "Delivery by van within mainland Britain costs 45 pounds and takes 2 to 3 working days."),
            fact("Scottish islands and Northern Ireland take up to 8 working days and cost 95 pounds.", "For the Scottish islands and Northern Ireland it costs 95 pounds and takes up to 8 working days."),
            fact("The carrier sends a text message with a two-hour window on the morning of delivery.", "On the morning of delivery the carrier sends you a text message with a two-hour window."),
            fact("Deliveries can be moved once, free of charge, until noon on the day before.", "You can move the delivery once free of charge until noon on the day before."),
        ],
        inventions: &[
            "Express couriers reach every postcode in 6 hours for members of the Gold circle.",
            "Our depot in Rotterdam hands parcels to cyclists who ride through the night, usually 11 of them.",
            "A deposit of 230 pounds is returned once the pallet has been collected.",
        ],
    },
    Article {
        id: "kb-102",
        title: "Returns and the 30 day trial",
        questions: &[
            "Can I return the bike if I don't like it?",
            "what is your returns policy",
            "I have had the Dash for three weeks and want my money back",
            "Who pays for the return shipping?",
        ],
        facts: &[
            fact("Every bike comes with a trial of 30 days, counted from delivery.", "Every bike has a trial of 30 days counted from the day of delivery."),
            fact("A bike that is returned within the trial may have at most 150 kilometres on the odometer.", "To be returned within the trial, the bike may have at most 150 kilometres on the odometer."),
            fact("We collect the bike from your door and deduct 60 pounds for the collection.", "We collect the bike from your door and deduct 60 pounds for collection."),
            fact("Refunds go to the original means of payment within 7 working days of inspection.", "The refund goes to your original means of payment within 7 working days of the inspection."),
            fact("Helmets and child seats cannot be returned once they have been used.", "Used helmets and child seats cannot be returned."),
        ],
        inventions: &[
            "Loyal customers receive a voucher worth 15 percent instead of cash after the second return.",
            "Frames painted to order are melted down and credited at 3 pounds per kilo.",
            "An appeal to the ombudsman doubles the period to 90 days automatically.",
        ],
    },
    Article {
        id: "kb-103",
        title: "Battery range and capacity",
        questions: &[
            "What range can I expect from the Haul battery?",
            "How far does the Dash go on one charge?",
            "is the range shorter in winter?",
            "Can I fit a second battery?",
        ],
        facts: &[
            fact("The Haul carries a 625 watt hour battery, the Dash one of 500 watt hours.", "The Haul has a 625 watt hour battery and the Dash one of 500 watt hours."),
            fact("With a load of 60 kilograms the Haul rides about 70 kilometres in Tour mode.", "In Tour mode the Haul rides about 70 kilometres with a load of 60 kilograms."),
            fact("Below 5 degrees the range falls by roughly a fifth.", "Expect the range to fall by roughly a fifth below 5 degrees."),
            fact("The Haul takes a second battery under the loading deck, which doubles the range.", "A second battery fits under the loading deck of the Haul and doubles its range."),
            fact("A battery keeps at least 70 percent of its capacity after 800 full charges.", "After 800 full charges the battery keeps at least 70 percent of its capacity."),
        ],
        inventions: &[
            "Solar panels on the roof box add another 22 kilometres on cloudless afternoons.",
            "Regenerative brakes recover 40 percent of the energy on every descent.",
            "Cells made after 2019 contain graphene and never lose strength.",
        ],
    },
    Article {
        id: "kb-104",
        title: "Charging the battery",
        questions: &[
            "How long does it take to charge the battery?",
            "Can I leave the charger plugged in overnight?",
            "may I charge in the garage when it freezes",
            "How should I store the battery over winter?",
        ],
        facts: &[
            fact("The standard charger fills an empty battery in 4.5 hours, the fast charger in 2.5 hours.", "With the standard charger an empty battery is full in 4.5 hours, with the fast charger in 2.5 hours."),
            fact("Charge the battery indoors, between 5 and 35 degrees.", "Please charge the battery indoors between 5 and 35 degrees."),
            fact("The charger stops by itself when the battery is full and may stay plugged in overnight.", "It may stay plugged in overnight, because the charger stops by itself when the battery is full."),
            fact("For storage over winter, leave the battery at about half charge in a dry room.", "Over winter, store the battery at about half charge in a dry room."),
            fact("Never charge a battery that has been dropped or that smells of solvent.", "A battery that was dropped or smells of solvent must never be charged."),
        ],
        inventions: &[
            "Placing it in a refrigerator for 20 minutes first makes it accept current faster.",
            "Wireless pads at 14 supermarkets top you up while shopping.",
            "Third-party adapters from laptops reach full power in 55 minutes.",
        ],
    },
    Article {
        id: "kb-105",
        title: "Warranty",
        questions: &[
            "How long is the warranty on the frame?",
            "does the warranty cover the motor",
            "I bought my Haul second hand, is it still under warranty?",
            "What does the warranty not cover?",
        ],
        facts: &[
            fact("The frame is under warranty for 10 years, the motor and the battery for 3 years.", "The frame has a warranty of 10 years, the motor and battery one of 3 years."),
            fact("The warranty passes to the next owner when the bike is registered in the app.", "It passes to the next owner once the bike is registered in the app."),
            fact("Brake pads, tyres and chains wear out and are not covered.", "Brake pads, tyres and chains are not covered, as they wear out."),
            fact("The warranty asks for a service by a Larkspur workshop every 2,500 kilometres.", "The warranty asks for a service every 2,500 kilometres in a Larkspur workshop."),
            fact("Claims need the frame number and the invoice.", "For a claim you need the frame number and the invoice."),
        ],
        inventions: &[
            "Lifetime cover extends to grandchildren when the certificate is notarised for 80 pounds.",
            "Racing is explicitly included, up to 4 crashes a season.",
            "Theft abroad is reimbursed at 120 percent of the purchase price.",
        ],
    },
    Article {
        id: "kb-106",
        title: "The subscription",
        questions: &[
            "How does the subscription work?",
            "What does the monthly plan cost for a Dash?",
            "can I cancel my subscription early",
            "Can I buy the bike at the end of the subscription?",
        ],
        facts: &[
            fact("The subscription costs 119 pounds a month for the Dash and 149 pounds for the Haul.", "A subscription costs 119 pounds a month for the Dash and 149 pounds for the Haul."),
            fact("It includes insurance against theft, two services a year and a replacement bike.", "It includes theft insurance, two services a year and a replacement bike."),
            fact("The shortest term is 6 months; after that you may cancel to the end of any month.", "After the shortest term of 6 months you may cancel to the end of any month."),
            fact("Ending it early costs two monthly payments.", "If you end it early, that costs two monthly payments."),
            fact("After 36 months the bike may be bought for 640 pounds.", "You may buy the bike for 640 pounds after 36 months."),
        ],
        inventions: &[
            "Students ride free between September and November if 3 friends join.",
            "Pausing for holidays is possible 9 times and extends nothing.",
            "Shareholders of the cooperative vote on prices every 5 weeks.",
        ],
    },
    Article {
        id: "kb-107",
        title: "The theft tracker",
        questions: &[
            "My bike was stolen, what do I do?",
            "How do I turn on the tracker?",
            "does the tracker work when the battery is removed",
            "Is the tracker included in the price?",
        ],
        facts: &[
            fact("The tracker sits inside the frame and has a cell of its own that lasts 3 weeks without the main battery.", "Without the main battery the tracker runs for 3 weeks on a cell of its own inside the frame."),
            fact("Tracking is free for the first year and costs 39 pounds a year afterwards.", "Tracking is free in the first year and costs 39 pounds a year afterwards."),
            fact("Report a theft in the app under Security, then give the crime number to our recovery team.", "Please report the theft in the app under Security and give our recovery team the crime number."),
            fact("The recovery team works with the police around the clock and finds four bikes of five.", "Our recovery team works with the police around the clock and finds four bikes of five."),
            fact("An alarm of 100 decibels sounds when a locked bike is moved.", "When a locked bike is moved, an alarm of 100 decibels sounds."),
        ],
        inventions: &[
            "Drones from 7 airfields follow the thief within minutes.",
            "Dye packs explode on the saddle after 2 wrong codes.",
            "A private detective is assigned at no charge for 18 days.",
        ],
    },
    Article {
        id: "kb-108",
        title: "Connecting the app",
        questions: &[
            "The app doesn't find my bike",
            "How do I pair my phone with the Dash?",
            "can two people use the app for one bike",
            "Pairing fails with error 12",
        ],
        facts: &[
            fact("Switch the bike on, hold the light button for 5 seconds and choose the bike in the app.", "To pair, switch the bike on, hold the light button for 5 seconds and choose the bike in the app."),
            fact("Error 12 means that another phone is still connected over Bluetooth.", "Error 12 means another phone is still connected over Bluetooth."),
            fact("Up to 6 riders can share one bike; the owner invites them under Family.", "The owner can invite riders under Family, and up to 6 of them share one bike."),
            fact("The app needs iOS 16 or Android 11.", "You need iOS 16 or Android 11 for the app."),
            fact("A reset of the display does not delete your rides.", "Your rides are not deleted by a reset of the display."),
        ],
        inventions: &[
            "Reinstalling the firmware through a USB stick clears code 47 most of the time.",
            "Voice assistants from 3 vendors unlock the wheel on command.",
            "Screenshots are uploaded to the cloud every 8 seconds for diagnosis.",
        ],
    },
    Article {
        id: "kb-109",
        title: "Software updates",
        questions: &[
            "How do I update the motor software?",
            "The update hangs at 40 percent",
            "what changed in version 5.2",
            "Can I go back to an older version?",
        ],
        facts: &[
            fact("Updates arrive in the app and take about 12 minutes; the battery must be above 30 percent.", "An update comes through the app and takes about 12 minutes with the battery above 30 percent."),
            fact("If an update hangs, keep the app open and wait 20 minutes before switching the bike off and on.", "When an update hangs, keep the app open and wait 20 minutes, then switch the bike off and on."),
            fact("Version 5.2 makes the start smoother with heavy loads and mends the light sensor.", "Version 5.2 mends the light sensor and makes the start smoother with heavy loads."),
            fact("An older version can be put back by a workshop only.", "Only a workshop can put back an older version."),
            fact("Settings of the assistance levels are kept through an update.", "Your settings of the assistance levels are kept through the update."),
        ],
        inventions: &[
            "Beta testers unlock a turbo of 45 kilometres per hour on private land.",
            "Release notes are printed and mailed 10 days beforehand.",
            "Rolling back is done by holding both brakes through 3 blinking cycles.",
        ],
    },
    Article {
        id: "kb-110",
        title: "Carrying children",
        questions: &[
            "How many children can ride in the Haul?",
            "From what age can my baby ride in the box?",
            "do children need a helmet",
            "Which child seat fits the Dash?",
        ],
        facts: &[
            fact("The bench of the Haul seats two children up to 22 kilograms each, with three-point belts.", "The Haul's bench seats two children up to 22 kilograms each with three-point belts."),
            fact("Babies may ride from 3 months in the padded shell, which is fixed to the bench.", "From 3 months babies may ride in the padded shell that is fixed to the bench."),
            fact("The Dash takes one seat with the MIK HD mount, up to 27 kilograms.", "On the Dash you can mount one seat with the MIK HD mount up to 27 kilograms."),
            fact("We advise a helmet for every child, although the law does not ask for it in Britain.", "The law in Britain does not ask for it, but we advise a helmet for every child."),
            fact("The rain tent has windows that can be opened and fits on the bench version only.", "The rain tent fits on the bench version only and has windows that can be opened."),
        ],
        inventions: &[
            "Twins qualify for a sidecar that was certified to 75 kilograms in Norway.",
            "Airbags in the hood deploy within 30 milliseconds.",
            "Schools lend buggies to 250 families each spring.",
        ],
    },
    Article {
        id: "kb-111",
        title: "Service and maintenance",
        questions: &[
            "When is my first service due?",
            "How much is a service?",
            "where is the nearest workshop",
            "Can you service the bike at my home?",
        ],
        facts: &[
            fact("The first service is due after 400 kilometres or 3 months, whichever comes first.", "Your first service is due after 400 kilometres or 3 months, whichever comes first."),
            fact("A small service costs 79 pounds, a large one 139 pounds, parts not included.", "A small service is 79 pounds and a large one 139 pounds, with parts not included."),
            fact("There are workshops in Leeds, Bristol, Glasgow, Cardiff and London.", "You find workshops in Leeds, Bristol, Glasgow, Cardiff and London."),
            fact("The mobile workshop visits homes within 25 kilometres of a workshop for 35 pounds extra.", "For 35 pounds extra the mobile workshop visits homes within 25 kilometres of a workshop."),
            fact("Appointments are booked in the app and can be moved until the evening before.", "Book appointments in the app; they can be moved until the evening before."),
        ],
        inventions: &[
            "Mechanics accept payment in kind such as 2 crates of apples.",
            "Ultrasonic baths in Dover remove rust within 17 minutes.",
            "Every eleventh inspection is performed by robots and costs nothing.",
        ],
    },
    Article {
        id: "kb-112",
        title: "Tyres and punctures",
        questions: &[
            "What tyre pressure should I use?",
            "I have a puncture, can I fix it myself?",
            "which winter tyres fit the Haul",
            "How long do the tyres last?",
        ],
        facts: &[
            fact("Ride the Haul at 3.0 bar in front and 3.8 bar behind, the Dash at 3.2 bar on both wheels.", "The Haul takes 3.0 bar in front and 3.8 bar behind, the Dash 3.2 bar on both wheels."),
            fact("A puncture of the front wheel can be mended at home with two tyre levers and a patch.", "You can mend a puncture of the front wheel at home with a patch and two tyre levers."),
            fact("For the rear wheel of the Haul, unplug the motor cable first and support the frame.", "On the rear wheel of the Haul, first unplug the motor cable and support the frame."),
            fact("Studded winter tyres of 20 by 2.15 inches fit both wheels of the Haul.", "Studded winter tyres of 20 by 2.15 inches fit on both wheels of the Haul."),
            fact("Tyres last between 4,000 and 6,000 kilometres.", "The tyres last between 4,000 and 6,000 kilometres."),
        ],
        inventions: &[
            "Helium filling saves 1.3 kilograms and improves the ride.",
            "Solid rubber rims from Antwerp are guaranteed for 50 years.",
            "Sealant made of oat milk hardens in 9 seconds.",
        ],
    },
    Article {
        id: "kb-113",
        title: "Payment and instalments",
        questions: &[
            "Can I pay in instalments?",
            "Which cards do you take?",
            "does my company get an invoice without VAT",
            "Why was my payment declined?",
        ],
        facts: &[
            fact("We take Visa, Mastercard, bank transfer and PayPal.", "You can pay by Visa, Mastercard, bank transfer or PayPal."),
            fact("Instalments over 12 or 24 months are free of interest from 1,000 pounds.", "From 1,000 pounds, instalments over 12 or 24 months are free of interest."),
            fact("A declined payment has most often been stopped by the limit of the card.", "Most often a declined payment was stopped by the limit of the card."),
            fact("Companies in the EU receive an invoice without VAT when they give a valid VAT number.", "With a valid VAT number, companies in the EU receive an invoice without VAT."),
            fact("An order is held for 5 working days until a bank transfer arrives.", "Until the bank transfer arrives the order is held for 5 working days."),
        ],
        inventions: &[
            "Bitcoin wallets earn a rebate of 4 percent on weekdays.",
            "Cheques above 77 pounds must be countersigned by a neighbour.",
            "Gold coins are weighed in the showroom at 10 in the morning.",
        ],
    },
    Article {
        id: "kb-114",
        title: "Cycle to work",
        questions: &[
            "Do you take part in the Cycle to Work scheme?",
            "How do I order through my employer?",
            "is the Haul too expensive for cycle to work",
            "Which scheme providers do you accept?",
        ],
        facts: &[
            fact("We take part in the Cycle to Work scheme with Green Commute, Cyclescheme and Vivup.", "Yes, we take part in Cycle to Work with Green Commute, Cyclescheme and Vivup."),
            fact("There is no upper limit with Green Commute; other providers may stop at 3,000 pounds.", "With Green Commute there is no upper limit, while other providers may stop at 3,000 pounds."),
            fact("Send us the certificate by mail and we release the order within 2 working days.", "Send the certificate by mail and we release your order within 2 working days."),
            fact("Accessories up to 300 pounds can be part of the certificate.", "Accessories up to 300 pounds can be part of your certificate."),
            fact("Savings lie between 28 and 42 percent, depending on your tax band.", "You save between 28 and 42 percent depending on your tax band."),
        ],
        inventions: &[
            "Freelancers claim 66 percent through a form that Parliament issued last spring.",
            "Employers receive a plaque and 5 reserved parking bays.",
            "Pensioners are enrolled automatically at age 58.",
        ],
    },
    Article {
        id: "kb-115",
        title: "Assembly at home",
        questions: &[
            "Does the bike come assembled?",
            "Which tools do I need to build the bike?",
            "how do I set the handlebar height",
            "The pedals won't screw in",
        ],
        facts: &[
            fact("The bike arrives nine tenths assembled; pedals, handlebar and saddle remain.", "It arrives nine tenths assembled, and the pedals, handlebar and saddle remain."),
            fact("You need the 15 millimetre spanner and the 5 millimetre key from the tool bag.", "From the tool bag you need the 15 millimetre spanner and the 5 millimetre key."),
            fact("The left pedal has a reverse thread and is turned anticlockwise.", "Turn the left pedal anticlockwise, as it has a reverse thread."),
            fact("Loosen the lever on the stem to set the handlebar between 98 and 112 centimetres.", "Loosen the lever on the stem and set the handlebar between 98 and 112 centimetres."),
            fact("Assembly takes about 25 minutes; a film shows each step.", "The assembly takes about 25 minutes and a film shows each step."),
        ],
        inventions: &[
            "Glue from the red tube must cure for 48 hours before sitting.",
            "A certified engineer signs the 13 page checklist with you.",
            "Heating the crank with a hairdryer to 90 degrees loosens the bearing.",
        ],
    },
    Article {
        id: "kb-116",
        title: "Insurance",
        questions: &[
            "Is my bike insured?",
            "What does the Larkspur insurance cover?",
            "how do I make a claim for an accident",
            "Which lock do I need for the insurance?",
        ],
        facts: &[
            fact("Larkspur Cover costs 14 pounds a month and pays for theft, vandalism and accidents.", "For 14 pounds a month Larkspur Cover pays for theft, vandalism and accidents."),
            fact("The excess is 75 pounds for each claim.", "Each claim has an excess of 75 pounds."),
            fact("The bike must be locked with a Sold Secure Gold lock to a fixed object.", "Lock the bike with a Sold Secure Gold lock to a fixed object."),
            fact("Claims are made in the app with photographs, within 14 days.", "Make the claim in the app with photographs within 14 days."),
            fact("Batteries are covered for theft only together with the whole bike.", "Theft of the battery is covered only together with the whole bike."),
        ],
        inventions: &[
            "Premiums fall by half for riders over 65 who pass an eyesight exam.",
            "Acts of squirrels were added to the policy under clause 31.",
            "Legal fees in 26 countries are advanced by the underwriter.",
        ],
    },
    Article {
        id: "kb-117",
        title: "Orders and invoices",
        questions: &[
            "Where can I find my invoice?",
            "Can I change the colour after ordering?",
            "I want to cancel my order",
            "How do I see the status of my order?",
        ],
        facts: &[
            fact("Invoices are in the account under Orders, as PDF.", "You find the invoice as a PDF in your account under Orders."),
            fact("The colour can be changed until production begins, about 10 days after the order.", "You can change the colour until production begins about 10 days after the order."),
            fact("Cancelling is free until the bike leaves the warehouse.", "Until the bike leaves the warehouse, cancelling is free."),
            fact("The account shows four stages: paid, in production, packed and on its way.", "Your account shows the four stages paid, in production, packed and on its way."),
            fact("Changes of the address are possible until the bike is packed.", "The address can be changed until the bike is packed."),
        ],
        inventions: &[
            "Receipts older than 18 weeks are kept on microfilm in Swansea.",
            "Each alteration incurs a handling fee of 27 pounds plus stamps.",
            "Limited editions are drawn by lottery on the 29 of February.",
        ],
    },
    Article {
        id: "kb-118",
        title: "Test rides and showrooms",
        questions: &[
            "Can I test ride the Haul?",
            "Where are your showrooms?",
            "do I have to book a test ride",
            "Can I bring my kids to a test ride?",
        ],
        facts: &[
            fact("Test rides are free and take 45 minutes, in Leeds, Bristol and London.", "A test ride is free and takes 45 minutes in Leeds, Bristol or London."),
            fact("Please book two days ahead and bring a photo id.", "Please bring a photo id and book two days ahead."),
            fact("Children are welcome; we have helmets from size 46.", "Your children are welcome, and we have helmets from size 46."),
            fact("Over a weekend a bike can be borrowed for 50 pounds, which count towards a purchase.", "You can borrow a bike over a weekend for 50 pounds, which count towards a purchase."),
            fact("Showrooms open from Tuesday to Saturday, 10 to 18 o'clock.", "The showrooms open from Tuesday to Saturday, 10 to 18 o'clock."),
        ],
        inventions: &[
            "A velodrome near Kent hosts trials by moonlight for 16 guests.",
            "Virtual reality headsets simulate 200 alpine passes.",
            "Riders weighing under 41 kilos are lent a trainer.",
        ],
    },
    Article {
        id: "kb-119",
        title: "Spare parts",
        questions: &[
            "Where can I buy spare parts?",
            "My display is cracked, can I order a new one?",
            "how long are spare parts available",
            "Is the brake lever in stock?",
        ],
        facts: &[
            fact("Spare parts are sold in the shop under Parts and leave within 2 working days.", "You can buy spare parts in the shop under Parts, and they leave within 2 working days."),
            fact("A new display costs 129 pounds and must be paired by a workshop.", "The new display costs 129 pounds and a workshop must pair it."),
            fact("We keep parts for 12 years after a model ends.", "After a model ends we keep parts for 12 years."),
            fact("Brake levers, pads and cables are always in stock in Leeds.", "In Leeds the brake levers, pads and cables are always in stock."),
            fact("Parts below 40 pounds ship for 4 pounds, others free.", "Shipping is 4 pounds for parts below 40 pounds and free for others."),
        ],
        inventions: &[
            "Collectors trade original bells at auctions reaching 3,400 pounds.",
            "A blacksmith forges hinges on request within 21 days.",
            "Blueprints may be milled locally under licence 7B.",
        ],
    },
    Article {
        id: "kb-120",
        title: "Loads and limits",
        questions: &["How much weight can the Haul carry?", "What is the maximum rider weight?", "can I tow a trailer", "Does a dog fit in the box?"],
        facts: &[
            fact("The Haul may weigh 220 kilograms in all, of which 100 kilograms may lie in the box.", "In all the Haul may weigh 220 kilograms, of which 100 kilograms may lie in the box."),
            fact("Riders may weigh up to 125 kilograms.", "A rider may weigh up to 125 kilograms."),
            fact("A trailer of up to 50 kilograms is allowed on the Haul, none on the Dash.", "The Haul is allowed a trailer of up to 50 kilograms, the Dash none."),
            fact("Dogs ride in the box on the rubber mat, leashed to the ring in the floor.", "Your dog rides in the box on the rubber mat, leashed to the ring in the floor."),
            fact("The box is 88 centimetres long and 62 centimetres wide.", "It is 88 centimetres long and 62 centimetres wide, the box."),
        ],
        inventions: &[
            "Pianos were moved across Ghent with 4 straps and goodwill.",
            "Reinforced axles lift the ceiling to 410 kilograms for couriers.",
            "Horses pull it when the cells are flat, at 8 knots.",
        ],
    },
];

/// What people ask that no article answers.
pub const OUT_OF_SCOPE: &[&str] = &[
    "Do you sell scooters as well?",
    "What is the best cycle route from Bath to Oxford?",
    "Are you hiring mechanics in Manchester?",
    "Can your motor be fitted to a Brompton?",
];

/// What the bot says then.
pub const REFUSAL: &str = "I could not find this in the help centre, so I would rather not guess. Shall I pass you on to a colleague?";

/// How an answer may begin and end; neither is a claim.
pub const CLOSINGS: &[&str] = &["", "", "", "", " Is there anything else I can help you with?", " Shall I send you the link?"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Groundedness on the demo's data means something only if answers are held by their article, and inventions by no article.
    #[test]
    fn answers_are_grounded_and_inventions_are_not() {
        let all: Vec<String> = ARTICLES.iter().map(Article::text).collect();
        for article in ARTICLES {
            for fact in article.facts {
                let found = measure::text::groundedness(fact.answer, &[article.text()]).unwrap();
                assert!(found.n_supported() == found.claims.len(), "{}: {found:?}", article.id);
                assert_eq!(found.claims.len(), 1, "{found:?}");
            }
            for invention in article.inventions {
                let found = measure::text::groundedness(invention, &all).unwrap();
                assert_eq!(found.score(), 0.0, "{}: {found:?}", article.id);
            }
        }
        for closing in CLOSINGS {
            assert_eq!(measure::text::groundedness(closing, &all), None, "{closing}");
        }
    }

    #[test]
    fn articles_have_ids_of_their_own_and_enough_to_say() {
        let ids: std::collections::HashSet<_> = ARTICLES.iter().map(|article| article.id).collect();
        assert_eq!(ids.len(), ARTICLES.len());
        assert!(ARTICLES.iter().all(|article| article.facts.len() == 5 && article.inventions.len() == 3 && article.questions.len() == 4));
    }
}
