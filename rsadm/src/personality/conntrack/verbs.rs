//! The commands, one by one.

use std::io::Write;

use conntrack::{Client, Condition, Error, Family, Filter, Flow};
use rustix::io::Errno;

use super::command::{Command, Table};
use super::directory::Directory;
use super::errors;
use super::matrix::Aspect;
use super::order::Order;
use super::stop::Stop;
use super::text;
use super::tool::{Failure, Result, Tool};
use crate::classic::conntrack::{statistics, xml};

/// Options that a listing with `-z` does not take.
const COMPARISONS: [Aspect; 18] = [
    Aspect::Source,
    Aspect::Destination,
    Aspect::ReplySource,
    Aspect::ReplyDestination,
    Aspect::MaskSource,
    Aspect::MaskDestination,
    Aspect::Protocol,
    Aspect::Status,
    Aspect::Mark,
    Aspect::Id,
    Aspect::SecurityMark,
    Aspect::SourceNat,
    Aspect::DestinationNat,
    Aspect::AnyNat,
    Aspect::Zone,
    Aspect::Label,
    Aspect::OriginalZone,
    Aspect::ReplyZone,
];

impl<D: Directory, O: Write + Send, E: Write> Tool<D, O, E> {
    /// How many flows or expectations the command was about; none if it does not count.
    pub(super) fn execute(&mut self, command: Command, order: &Order) -> Result<Option<u64>> {
        match command {
            Command::List => return self.list(order).map(Some),
            Command::Create => self.client()?.create(&order.new_flow())?,
            Command::Add => self.client()?.put(&order.new_flow())?,
            Command::Update => return self.update(order).map(Some),
            Command::Delete => return self.delete(order).map(Some),
            Command::Get => return self.get(order).map(Some),
            Command::Flush => return self.flush(order),
            Command::Event | Command::ExpectationEvents => {
                return self.events(command, order).map(Some);
            }
            Command::Count => return self.count(),
            Command::Statistics => return self.statistics(),
            Command::Version => {
                let mut version = Vec::new();
                text::version(&mut version)?;
                self.out.write(|line, _| line.raw(&version));
                return Ok(None);
            }
            Command::Help => {
                self.print_help(order.protocol.map(|(_, protocol)| protocol.name))?;
                return Ok(None);
            }
            Command::ListExpectations => return self.list_expectations(order).map(Some),
            Command::CreateExpectation => {
                self.client()?.create_expectation(&order.expectation())?;
                return Ok(None);
            }
            Command::DeleteExpectation => {
                self.client()?.delete_expectation(&order.expectation_tuple().into())?;
                return Ok(Some(0));
            }
            Command::GetExpectation => return self.get_expectation(order),
            Command::FlushExpectations => {
                self.client()?.flush_expectations()?;
                self.note(b"expectation table has been emptied.");
                return Ok(None);
            }
            Command::CountExpectations => return self.count_expectations(order),
            Command::ExpectationStatistics => return self.expectation_statistics(),
        }
        Ok(Some(1))
    }

    fn list(&mut self, order: &Order) -> Result<u64> {
        if order.given.has(Aspect::Zero) && order.given.any(&COMPARISONS) {
            return Err(Stop::usage("Can't use -z with filtering parameters").into());
        }
        if order.table.is_none() && order.has_empty_status() {
            let reason = errors::text(Command::List, Errno::INVAL.raw_os_error());
            return Err(Stop::refused(format!("Operation failed: {reason}")).into());
        }
        let filter = order.filter();
        let (client, out) = self.client_and_output()?;
        let mut count = 0;
        let mut show = |flow: &Flow<'_>| {
            count += 1;
            out.listed(flow)
        };
        if order.given.has(Aspect::Zero) && order.table.is_none() {
            let mut shown = Ok(());
            client.zero_flows(&filter, |flow| {
                if shown.is_ok() {
                    shown = show(&flow);
                }
            })?;
            shown?;
        } else {
            let flows = match order.table {
                Some(Table::Dying) => client.dying(&filter),
                Some(Table::Unconfirmed) => client.unconfirmed(&filter),
                _ => client.flows(&filter),
            };
            flows?.for_each(|flow| show(&flow).map_err(Failure::from))?;
        }
        self.out.end(xml::FOOT);
        Ok(count)
    }

    /// Changes every flow that matches and shows what it has become. A flow that ends meanwhile
    /// does not count.
    fn update(&mut self, order: &Order) -> Result<u64> {
        let filter = order.filter();
        // The listing goes on while flows are changed.
        let mut reader = Client::builder().read_ahead(true).connect()?;
        let mut flows = reader.flows(&filter)?;
        let mut count = 0;
        while let Some(flow) = flows.next()? {
            let Some(patch) = order.patch(&flow) else { continue };
            let key = flow.key();
            let updated = self.client()?.update(&key, &patch);
            if let Err(error) = updated {
                if is_missing(&error) {
                    continue;
                }
                let reason = errors::reason(Command::Update, &error);
                self.say(format!("Operation failed: {reason}\n").as_bytes());
            }
            let (client, out) = self.client_and_output()?;
            match client.flow(&key) {
                Ok(flow) => out.updated(&flow)?,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(error.into()),
            }
            count += 1;
        }
        Ok(count)
    }

    fn delete(&mut self, order: &Order) -> Result<u64> {
        let filter = order.filter();
        let (client, out) = self.client_and_output()?;
        let mut shown = Ok(());
        let deletion = client.delete_matching(&filter, |flow| {
            if shown.is_ok() {
                shown = out.deleted(flow);
            }
        })?;
        shown?;
        if let Some((_, refused)) = deletion.refused.into_iter().next() {
            return Err(Error::Refused(Box::new(refused)).into());
        }
        if let Some(key) = deletion.unknown.first() {
            let text = format!("the kernel did not say what became of {key}");
            return Err(Stop::refused(text).into());
        }
        Ok(deletion.deleted as u64)
    }

    fn get(&mut self, order: &Order) -> Result<u64> {
        let filter = order.filter();
        let (client, out) = self.client_and_output()?;
        let flow = client.flow(&order.key())?;
        if !filter.matches(&flow) {
            return Ok(0);
        }
        out.listed(&flow)?;
        Ok(1)
    }

    /// Of one family where one is given, which conntrack passes over.
    fn flush(&mut self, order: &Order) -> Result<Option<u64>> {
        let client = self.client()?;
        match order.family {
            None => client.flush()?,
            Some(family) => {
                let filter = Filter::from(Condition::Family(family));
                let deletion = client.delete_matching(&filter, |_| {})?;
                if let Some((_, refused)) = deletion.refused.into_iter().next() {
                    return Err(Error::Refused(Box::new(refused)).into());
                }
            }
        }
        self.note(b"connection tracking table has been emptied.");
        Ok(None)
    }

    fn count(&mut self) -> Result<Option<u64>> {
        let count = self.client()?.count()?;
        self.number(count.into());
        Ok(None)
    }

    fn count_expectations(&mut self, order: &Order) -> Result<Option<u64>> {
        let family = Some(order.family.unwrap_or(Family::Ipv4));
        let count = self.client()?.expectations(family)?.len();
        self.number(count as u64);
        Ok(None)
    }

    fn number(&mut self, number: u64) {
        self.out.write(|line, _| {
            line.number(number);
            line.byte(b'\n');
        });
    }

    fn statistics(&mut self) -> Result<Option<u64>> {
        for cpu in self.client()?.statistics()? {
            self.out.write(|line, _| statistics::cpu(line, &cpu));
        }
        Ok(None)
    }

    fn expectation_statistics(&mut self) -> Result<Option<u64>> {
        for cpu in self.client()?.expectation_statistics()? {
            self.out.write(|line, _| statistics::expectations(line, &cpu));
        }
        Ok(None)
    }

    fn list_expectations(&mut self, order: &Order) -> Result<u64> {
        let family = Some(order.family.unwrap_or(Family::Ipv4));
        let expectations = self.client()?.expectations(family)?;
        for expectation in &expectations {
            self.show_expectation(expectation)?;
        }
        self.out.end(xml::EXPECTATIONS_FOOT);
        Ok(expectations.len() as u64)
    }

    fn get_expectation(&mut self, order: &Order) -> Result<Option<u64>> {
        let key = order.expectation_tuple().into();
        let expectation = self.client()?.expectation(&key)?;
        self.show_expectation(&expectation)?;
        Ok(None)
    }
}

/// The flow has ended meanwhile.
fn is_missing(error: &Error) -> bool {
    error.errno() == Some(Errno::NOENT.raw_os_error())
}
