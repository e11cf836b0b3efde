//! What can be asked for, and of which table.

/// A table of the kernel, or a list of flows that are in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Flows,
    Expectations,
    Dying,
    Unconfirmed,
}

impl Table {
    const NAMES: [(&'static str, Table); 4] = [
        ("expect", Table::Expectations),
        ("conntrack", Table::Flows),
        ("dying", Table::Dying),
        ("unconfirmed", Table::Unconfirmed),
    ];

    /// The table whose name begins like that; of several the first.
    pub(super) fn named(word: &[u8]) -> Option<Self> {
        let named = |name: &str| name.as_bytes().starts_with(word);
        Self::NAMES.iter().find(|(name, _)| named(name)).map(|(_, table)| *table)
    }
}

/// What to do, without the table to do it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Create,
    Add,
    Update,
    Delete,
    Get,
    Flush,
    Event,
    Count,
    Statistics,
    Version,
    Help,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    List,
    Create,
    Add,
    Update,
    Delete,
    Get,
    Flush,
    Event,
    Count,
    Statistics,
    Version,
    Help,
    ListExpectations,
    CreateExpectation,
    DeleteExpectation,
    GetExpectation,
    FlushExpectations,
    ExpectationEvents,
    CountExpectations,
    ExpectationStatistics,
}

impl Verb {
    /// The command on the flows.
    pub(super) const fn on_flows(self) -> Command {
        match self {
            Self::List => Command::List,
            Self::Create => Command::Create,
            Self::Add => Command::Add,
            Self::Update => Command::Update,
            Self::Delete => Command::Delete,
            Self::Get => Command::Get,
            Self::Flush => Command::Flush,
            Self::Event => Command::Event,
            Self::Count => Command::Count,
            Self::Statistics => Command::Statistics,
            Self::Version => Command::Version,
            Self::Help => Command::Help,
        }
    }

    /// The command on the expectations; `Err` is the name of a verb that there is none for.
    pub(super) const fn on_expectations(self) -> Result<Command, &'static str> {
        Ok(match self {
            Self::List => Command::ListExpectations,
            Self::Create => Command::CreateExpectation,
            Self::Delete => Command::DeleteExpectation,
            Self::Get => Command::GetExpectation,
            Self::Flush => Command::FlushExpectations,
            Self::Event => Command::ExpectationEvents,
            Self::Count => Command::CountExpectations,
            Self::Statistics => Command::ExpectationStatistics,
            Self::Version => Command::Version,
            Self::Help => Command::Help,
            Self::Add => return Err("add"),
            Self::Update => return Err("update"),
        })
    }
}

impl Command {
    /// Whether a file of commands may have it; `Err` is how a complaint calls it.
    ///
    /// conntrack has the names of the commands on expectations in another order than the commands.
    pub(super) const fn may_be_in_file(self) -> Result<(), &'static str> {
        Err(match self {
            Self::Create | Self::Add | Self::Update | Self::Delete | Self::Flush => return Ok(()),
            Self::List => "-L",
            Self::Get => "-G",
            Self::Event => "-E",
            Self::Version => "-V",
            Self::Help => "-h",
            Self::ListExpectations => "-L expect",
            Self::DeleteExpectation => "-D expect",
            Self::GetExpectation => "-G expect",
            Self::FlushExpectations => "-F expect",
            Self::ExpectationEvents => "-E expect",
            Self::Count => "-C",
            Self::CreateExpectation | Self::CountExpectations => "-C expect",
            Self::Statistics => "-S",
            Self::ExpectationStatistics => "-S expect",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_short_names() {
        for (word, expected) in [
            ("conntrack", Some(Table::Flows)),
            ("c", Some(Table::Flows)),
            ("exp", Some(Table::Expectations)),
            ("", Some(Table::Expectations)),
            ("dy", Some(Table::Dying)),
            ("unconf", Some(Table::Unconfirmed)),
            ("expects", None),
            ("C", None),
        ] {
            assert_eq!(Table::named(word.as_bytes()), expected, "{word}");
        }
    }
}
