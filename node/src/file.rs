//! Snapshots as files: JSON, compressed where the name says so.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, FrameCompressor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Snapshot};

/// What tells a snapshot from other JSON.
const FORMAT: &str = "rsadm-snapshot";

/// The version that is written. It grows when a field changes its meaning; a new field does not.
const VERSION: u64 = 1;

/// Most bytes of a document: some two million flows.
const MOST: u64 = 2 << 30;

/// Up to here anything may be compressed as well as it can be.
const LITTLE: u64 = 64 << 20;

/// How many times its size a compressed document may have, beyond a little. Flows come to 30.
const MOST_TIMES: u64 = 200;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The document.
#[derive(Serialize, Deserialize)]
struct Document<S> {
    format: String,
    version: u64,
    snapshot: S,
}

/// The document as far as it is the same in all versions.
#[derive(Deserialize)]
struct Heading {
    format: String,
    version: u64,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstandard,
}

impl Packing {
    /// What the name of a file says.
    fn named(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstandard,
            _ => Self::None,
        }
    }

    /// What the first bytes of a file say.
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            bytes if bytes.starts_with(GZIP) => Self::Gzip,
            bytes if bytes.starts_with(ZSTANDARD) => Self::Zstandard,
            _ => Self::None,
        }
    }
}

impl Snapshot {
    /// Reads a snapshot from a file, compressed or not, of this version or an older one.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| failed("read", &name, source))?;
        Self::read_from(file, &name)
    }

    /// Reads a snapshot from a stream. `name` is for errors.
    ///
    /// ```
    /// use node::Snapshot;
    /// let error = Snapshot::read_from(&b"[]"[..], "standard input").expect_err("no snapshot");
    /// assert_eq!(error.to_string(), "standard input: this is not a snapshot");
    /// ```
    pub fn read_from(mut stream: impl Read, name: &str) -> Result<Self> {
        let mut bytes = Vec::new();
        let read = stream.by_ref().take(MOST + 1).read_to_end(&mut bytes);
        read.map_err(|source| failed("read", name, source))?;
        let bytes = unpack(bytes, name)?;
        parse(&bytes, name)
    }

    /// Writes a snapshot to a file: compressed if its name ends in `.gz` or `.zst`.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let write = || {
            let file = BufWriter::with_capacity(1 << 18, File::create(path)?);
            self.pack(file, Packing::named(path))?.flush()
        };
        write().map_err(|source| failed("write", &path.display().to_string(), source))
    }

    /// Writes a snapshot as JSON. The same snapshot is always the same text.
    pub fn write_to(&self, out: impl Write) -> io::Result<()> {
        self.pack(out, Packing::None)?.flush()
    }

    fn pack<W: Write>(&self, out: W, packing: Packing) -> io::Result<W> {
        match packing {
            Packing::None => self.json(out),
            Packing::Gzip => self.json(GzEncoder::new(out, Compression::fast()))?.finish(),
            Packing::Zstandard => {
                let text = self.json(Vec::new())?;
                let mut compressor = FrameCompressor::new(CompressionLevel::Fastest);
                compressor.set_source(&*text);
                compressor.set_drain(out);
                compressor.compress();
                compressor.take_drain().ok_or_else(|| io::Error::other("nothing was written"))
            }
        }
    }

    fn json<W: Write>(&self, mut out: W) -> io::Result<W> {
        let document = Document { format: FORMAT.to_owned(), version: VERSION, snapshot: self };
        serde_json::to_writer(&mut out, &document)?;
        out.write_all(b"\n")?;
        Ok(out)
    }
}

fn failed(action: &'static str, name: &str, source: io::Error) -> Error {
    Error::File { action, name: name.into(), source }
}

fn damaged(name: &str, problem: impl Into<String>) -> Error {
    Error::Damaged { name: name.into(), problem: problem.into() }
}

/// The document of a file.
fn unpack(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>> {
    let most = (bytes.len() as u64).saturating_mul(MOST_TIMES).clamp(LITTLE, MOST);
    let mut text = Vec::new();
    let read = match Packing::of(&bytes) {
        Packing::None => {
            let small = bytes.len() as u64 <= MOST;
            return small.then_some(bytes).ok_or_else(|| too_large(name));
        }
        Packing::Gzip => MultiGzDecoder::new(&*bytes).take(most + 1).read_to_end(&mut text),
        Packing::Zstandard => match StreamingDecoder::new(&*bytes) {
            Ok(decoder) => decoder.take(most + 1).read_to_end(&mut text),
            Err(error) => Err(io::Error::other(error.to_string())),
        },
    };
    read.map_err(|error| damaged(name, format!("the compressed file is damaged: {error}")))?;
    if text.len() as u64 > most {
        return Err(too_large(name));
    }
    Ok(text)
}

fn too_large(name: &str) -> Error {
    damaged(name, "this is more data than a snapshot can be")
}

fn parse(text: &[u8], name: &str) -> Result<Snapshot> {
    let error = match serde_json::from_slice::<Document<Snapshot>>(text) {
        Ok(document) if document.format == FORMAT && document.version == VERSION => {
            return Ok(document.snapshot);
        }
        Ok(_) => None,
        Err(error) => Some(error),
    };
    // Only a whole document tells its version.
    let heading = match (serde_json::from_slice::<Heading>(text), &error) {
        (Ok(heading), _) => heading,
        (Err(_), Some(error)) if error.is_eof() => {
            return Err(damaged(name, "the snapshot is cut short"));
        }
        (Err(heading), _) if heading.is_syntax() => {
            return Err(damaged(name, format!("this is not a snapshot, or damaged: {heading}")));
        }
        (Err(_), _) => return Err(damaged(name, "this is not a snapshot")),
    };
    if heading.format != FORMAT {
        return Err(damaged(name, "this is not a snapshot"));
    }
    match (heading.version, error) {
        (version, _) if version > VERSION => {
            Err(Error::Future { name: name.into(), version, known: VERSION })
        }
        (_, Some(error)) => Err(damaged(name, format!("the snapshot is damaged: {error}"))),
        (version, None) => Err(damaged(name, format!("there never was a version {version}"))),
    }
}

#[cfg(test)]
mod tests;
