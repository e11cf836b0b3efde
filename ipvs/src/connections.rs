//! The connection table, which the kernel shows under /proc only.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};

use crate::fields::Fields;
use crate::lines::Lines;
use crate::{Protocol, Result};

/// State of a connection, by the name that the kernel gives it.
///
/// ```
/// use ipvs::ConnectionState;
/// assert_eq!(ConnectionState::ESTABLISHED.as_str(), "ESTABLISHED");
/// assert_eq!(ConnectionState::new("C-ECHOED").map(|state| state.to_string()), Some("C-ECHOED".into()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionState {
    /// Padded with zeros, which no name contains.
    name: [u8; Self::LONGEST],
}

impl ConnectionState {
    const LONGEST: usize = 24;

    /// TCP and SCTP: the handshake is complete.
    pub const ESTABLISHED: Self = Self::constant("ESTABLISHED");
    /// TCP: the client's SYN was seen.
    pub const SYN_RECV: Self = Self::constant("SYN_RECV");
    /// TCP: the destination opens it.
    pub const SYN_SENT: Self = Self::constant("SYN_SENT");
    /// TCP: the destination has closed.
    pub const FIN_WAIT: Self = Self::constant("FIN_WAIT");
    /// TCP: both sides have closed.
    pub const TIME_WAIT: Self = Self::constant("TIME_WAIT");
    /// TCP: reset.
    pub const CLOSE: Self = Self::constant("CLOSE");
    /// TCP: the client has closed.
    pub const CLOSE_WAIT: Self = Self::constant("CLOSE_WAIT");
    /// TCP: the last acknowledgement is outstanding.
    pub const LAST_ACK: Self = Self::constant("LAST_ACK");
    /// UDP, which has one state.
    pub const UDP: Self = Self::constant("UDP");
    /// No state yet; a persistence template that no complete connection has confirmed.
    pub const NONE: Self = Self::constant("NONE");
    /// A persistence template that a complete connection has confirmed.
    pub const ASSURED: Self = Self::constant("ASSURED");

    const fn constant(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut name = [0; Self::LONGEST];
        let mut index = 0;
        while index < bytes.len() {
            name[index] = bytes[index];
            index += 1;
        }
        Self { name }
    }

    /// The state of this name; `None` if it has no byte or more than 24, or a blank or control
    /// character, which no state of the kernel has.
    pub fn new(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let printable = bytes.iter().all(u8::is_ascii_graphic);
        if bytes.is_empty() || bytes.len() > Self::LONGEST || !printable {
            return None;
        }
        Some(Self::constant(name))
    }

    /// The kernel's name for it.
    pub fn as_str(&self) -> &str {
        let length = self.name.iter().position(|byte| *byte == 0).unwrap_or(self.name.len());
        // Both constructors take whole texts, so this never falls back.
        std::str::from_utf8(&self.name[..length]).unwrap_or_default()
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ConnectionState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ConnectionState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| serde::de::Error::custom("not the name of a state"))
    }
}

/// Where a connection came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[doc(alias = "IP_VS_CONN_F_SYNC")]
pub enum Origin {
    /// This host scheduled it.
    Local,
    /// The backup daemon received it from a master.
    Sync,
}

/// What a persistence engine tells the connections of a client apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "pe_data")]
pub struct PersistenceData {
    /// Name of the engine, such as `sip`.
    pub engine: Box<str>,
    /// The data, for `sip` a call id. Clients choose it: any bytes but a line feed.
    pub data: Box<[u8]>,
}

impl PersistenceData {
    /// The data as text, with a replacement character for what is not UTF-8.
    pub fn data_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.data)
    }
}

/// One entry of the connection table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "ip_vs_conn")]
pub struct Connection {
    /// Layer 4 protocol; 0 in templates of firewall-mark services.
    pub protocol: Protocol,
    /// The client. In a persistence template its address under the service's netmask, port 0.
    pub client: SocketAddr,
    /// The address that the client connects to. See [`mark`](Self::mark) for templates of
    /// firewall-mark services.
    pub virtual_address: SocketAddr,
    /// The destination that was chosen; of another family than the client with tunnels.
    pub destination: SocketAddr,
    /// State.
    pub state: ConnectionState,
    /// Seconds until the entry expires unless a packet renews it.
    pub expires: u32,
    /// Where it came from; read by [`Proc::connections_with_origin`](crate::Proc) only.
    pub origin: Option<Origin>,
    /// Data of the persistence engine, in templates of services that have one; read by
    /// [`Proc::connections`](crate::Proc) only.
    pub persistence: Option<PersistenceData>,
}

impl Connection {
    /// Whether this is not a connection but the memory of a persistent service: where the next
    /// connections of the client go.
    #[doc(alias = "IP_VS_CONN_F_TEMPLATE")]
    pub fn is_template(&self) -> bool {
        self.client.port() == 0
            && matches!(self.state, ConnectionState::NONE | ConnectionState::ASSURED)
    }

    /// The firewall mark of a template of a firewall-mark service, which the kernel keeps in the
    /// place of the virtual address.
    pub fn mark(&self) -> Option<u32> {
        if self.protocol != Protocol(0) {
            return None;
        }
        match self.virtual_address.ip() {
            IpAddr::V4(address) => Some(address.to_bits()),
            IpAddr::V6(address) => Some((address.to_bits() >> 96) as u32),
        }
    }
}

/// Which of the two files is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// `ip_vs_conn`: with data of persistence engines.
    Persistence,
    /// `ip_vs_conn_sync`: with the origin.
    Origin,
}

impl Columns {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Persistence => "/proc/net/ip_vs_conn",
            Self::Origin => "/proc/net/ip_vs_conn_sync",
        }
    }
}

/// The connections of a table, read as they are asked for: memory does not grow with the table,
/// and an entry without persistence data takes no allocation.
///
/// The order is that of the kernel's hash table. The kernel gives no consistent view: entries that
/// come or go while the table is read may be missed, and rarely one is shown twice.
///
/// A line that is not understood is an error in its place, and the next call goes on with the next
/// line. After an error of reading there is nothing more.
///
/// ```
/// use ipvs::{ConnectionState, Connections};
/// let file = b"Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n\
///     TCP 0A000002 9C41 0A000001 0050 0A090003 1F90 ESTABLISHED     894\n";
/// for connection in Connections::from_reader(&file[..])? {
///     let connection = connection?;
///     assert_eq!(connection.client, "10.0.0.2:40001".parse()?);
///     assert_eq!(connection.state, ConnectionState::ESTABLISHED);
///     assert_eq!(connection.expires, 894);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connections<R = BufReader<File>> {
    lines: Lines<R>,
    columns: Columns,
    ended: bool,
}

impl<R: BufRead> Connections<R> {
    /// Reads the text of `/proc/net/ip_vs_conn` or `/proc/net/ip_vs_conn_sync`, such as one saved
    /// on another host; the title line says which it is.
    pub fn from_reader(reader: R) -> Result<Self> {
        Self::with_columns(reader, Columns::Persistence)
    }

    /// `expected` is for the path in an error of the title line, which then decides.
    pub(crate) fn with_columns(reader: R, expected: Columns) -> Result<Self> {
        let mut lines = Lines::new(reader, expected.path());
        lines.advance()?;
        let mut fields = Fields::new(lines.line());
        if fields.word() != Some(b"Pro") || fields.word() != Some(b"FromIP") {
            return Err(lines.not_understood());
        }
        let origin = std::iter::from_fn(|| fields.word()).any(|title| title == b"Origin");
        let columns = if origin { Columns::Origin } else { Columns::Persistence };
        lines.set_path(columns.path());
        Ok(Self { lines, columns, ended: false })
    }
}

impl<R: BufRead> Iterator for Connections<R> {
    type Item = Result<Connection>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.lines.advance() {
            Ok(true) => Some(
                parse(self.lines.line(), self.columns).ok_or_else(|| self.lines.not_understood()),
            ),
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = matches!(error, crate::Error::File { .. });
                Some(Err(error))
            }
        }
    }
}

fn parse(line: &[u8], columns: Columns) -> Option<Connection> {
    let mut fields = Fields::new(line);
    let protocol = fields.protocol()?;
    let client = SocketAddr::new(fields.address()?, fields.port()?);
    let virtual_address = SocketAddr::new(fields.address()?, fields.port()?);
    let destination = SocketAddr::new(fields.address()?, fields.port()?);
    let state = ConnectionState::new(fields.text()?)?;
    let origin = match columns {
        Columns::Persistence => None,
        Columns::Origin => Some(match fields.word()? {
            b"LOCAL" => Origin::Local,
            b"SYNC" => Origin::Sync,
            _ => return None,
        }),
    };
    let expires = fields.decimal()?;
    let persistence = match columns {
        Columns::Persistence if !fields.is_empty() => Some(persistence(&mut fields)?),
        _ => None,
    };
    Some(Connection {
        protocol,
        client,
        virtual_address,
        destination,
        state,
        expires,
        origin,
        persistence,
    })
}

/// Everything behind the blank that follows the engine's name is data, blanks included.
fn persistence(fields: &mut Fields<'_>) -> Option<PersistenceData> {
    let engine = fields.text()?.into();
    fields.literal(b" ")?;
    Some(PersistenceData { engine, data: fields.rest().into() })
}

#[cfg(all(test, feature = "serde"))]
mod serial;
#[cfg(test)]
mod tests;
