//! Forms of output that all tables share.

use std::io::Write;

use serde::Serialize;

use crate::cli::{Detail, Drawing, Format, Word};
use crate::failure::{Failure, Result};

pub(crate) mod paint;
mod progress;
pub(crate) mod table;

pub(crate) use progress::Progress;

/// What `--output` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    format: Option<Format>,
    details: Vec<Detail>,
    drawing: Option<Drawing>,
}

impl Form {
    /// Sorts the words; details are of classic text.
    pub(crate) fn of(words: &[Word]) -> Result<Self> {
        let mut form = Self::default();
        for word in words {
            match *word {
                Word::Drawing(drawing)
                    if form.format.is_none()
                        && form.drawing.is_none_or(|other| other == drawing) =>
                {
                    form.drawing = Some(drawing);
                }
                Word::Format(format)
                    if form.drawing.is_none()
                        && form.format.is_none_or(|other| other == format) =>
                {
                    form.format = Some(format);
                }
                Word::Format(_) | Word::Drawing(_) => {
                    return Err(Failure::usage("--output takes one form of the output"));
                }
                Word::Detail(detail) => form.details.push(detail),
            }
        }
        if form.details.is_empty() || form.format.is_none_or(|format| format == Format::Classic) {
            return Ok(form);
        }
        Err(Failure::usage(
            "extended, id, timestamp, ktimestamp, labels, xml and save go with classic output only",
        )
        .hint("the other forms have everything that these words would add"))
    }

    /// The form, for commands without details.
    pub(crate) fn plain(&self) -> Result<Option<Format>> {
        self.undrawn()?;
        self.undetailed()
    }

    /// Refuses pictures, for commands that have none.
    pub(crate) fn undrawn(&self) -> Result<()> {
        match self.drawing {
            None => Ok(()),
            Some(_) => {
                Err(Failure::usage("mermaid, dot and svg are pictures of `rsadm trace` only"))
            }
        }
    }

    /// The picture that was asked for.
    pub(crate) fn drawing(&self) -> Option<Drawing> {
        self.drawing
    }

    /// The form, without any of conntrack's words.
    pub(crate) fn undetailed(&self) -> Result<Option<Format>> {
        if self.details.is_empty() {
            return Ok(self.format);
        }
        Err(Failure::usage(
            "this command's output has the forms classic, table, json, ndjson, yaml",
        ))
    }

    /// The form, if one was named.
    pub(crate) fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether a form that joins several tables in one row goes: any but conntrack's own.
    pub(crate) fn is_joined(&self) -> bool {
        self.details.is_empty() && self.format != Some(Format::Classic)
    }

    /// Whether this detail was asked for.
    pub(crate) fn has(&self, detail: Detail) -> bool {
        self.details.contains(&detail)
    }
}

/// For commands that list nothing.
pub(crate) fn none(format: Option<Format>) -> Result<()> {
    match format {
        None | Some(Format::Classic) => Ok(()),
        Some(_) => Err(Failure::usage("this command lists nothing that --output could form")),
    }
}

/// Forms of output for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    Json,
    Ndjson,
    Yaml,
}

impl Structure {
    /// The form for programs that was asked for, if one was.
    pub(crate) fn of(format: Format) -> Option<Self> {
        match format {
            Format::Classic | Format::Table => None,
            Format::Json => Some(Self::Json),
            Format::Ndjson => Some(Self::Ndjson),
            Format::Yaml => Some(Self::Yaml),
        }
    }
}

/// Writes a list an item at a time, so that memory does not grow with it.
#[derive(Debug)]
pub(crate) struct Items<'a, W> {
    out: &'a mut W,
    structure: Structure,
    empty: bool,
}

impl<'a, W: Write> Items<'a, W> {
    /// Begins a list.
    pub(crate) fn new(out: &'a mut W, structure: Structure) -> Self {
        Self { out, structure, empty: true }
    }

    /// Writes an item.
    pub(crate) fn push(&mut self, item: &impl Serialize) -> Result<()> {
        match self.structure {
            Structure::Json => {
                self.out.write_all(if self.empty { b"[\n  " } else { b",\n  " })?;
                json(self.out, item)?;
            }
            Structure::Ndjson => {
                json(self.out, item)?;
                self.out.write_all(b"\n")?;
            }
            // A list of lists of one item each, one behind the other, is one list.
            Structure::Yaml => yaml(self.out, &[item])?,
        }
        self.empty = false;
        Ok(())
    }

    /// Writes an item that is JSON already.
    pub(crate) fn encoded(&mut self, object: &[u8]) -> Result<()> {
        match self.structure {
            Structure::Json => {
                self.out.write_all(if self.empty { b"[\n  " } else { b",\n  " })?;
                self.out.write_all(object)?;
            }
            Structure::Ndjson => {
                self.out.write_all(object)?;
                self.out.write_all(b"\n")?;
            }
            Structure::Yaml => {
                let mut object = serde_json::Deserializer::from_slice(object);
                yaml(self.out, &[serde_transcode::Transcoder::new(&mut object)])?;
            }
        }
        self.empty = false;
        Ok(())
    }

    /// Ends the list.
    pub(crate) fn finish(self) -> Result<()> {
        self.out.write_all(match (self.structure, self.empty) {
            (Structure::Json | Structure::Yaml, true) => b"[]\n",
            (Structure::Json, false) => b"\n]\n",
            _ => b"",
        })?;
        Ok(())
    }
}

/// Writes one object.
pub(crate) fn document(
    out: &mut impl Write,
    structure: Structure,
    object: &impl Serialize,
) -> Result<()> {
    match structure {
        Structure::Json | Structure::Ndjson => {
            json(out, object)?;
            out.write_all(b"\n")?;
            Ok(())
        }
        Structure::Yaml => yaml(out, object),
    }
}

fn json(out: &mut impl Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(out, value).map_err(|error| std::io::Error::from(error).into())
}

fn yaml(out: &mut impl Write, value: &impl Serialize) -> Result<()> {
    let text = serde_saphyr::to_string(value)
        .map_err(|error| Failure::refused(format!("cannot write YAML: {error}")))?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(structure: Structure, items: &[u64]) -> String {
        let mut out = Vec::new();
        let mut list = Items::new(&mut out, structure);
        for item in items {
            list.push(&serde_json::json!({ "number": item })).expect("memory");
        }
        list.finish().expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lists_are_whole_documents() {
        assert_eq!(list(Structure::Json, &[]), "[]\n");
        assert_eq!(list(Structure::Ndjson, &[]), "");
        assert_eq!(list(Structure::Yaml, &[]), "[]\n");
        assert_eq!(list(Structure::Json, &[1, 2]), "[\n  {\"number\":1},\n  {\"number\":2}\n]\n");
        assert_eq!(list(Structure::Ndjson, &[1, 2]), "{\"number\":1}\n{\"number\":2}\n");
        assert_eq!(list(Structure::Yaml, &[1, 2]), "- number: 1\n- number: 2\n");
    }

    #[test]
    fn what_is_json_already_keeps_its_order() {
        for (structure, text) in [
            (Structure::Json, "[\n  {\"b\":1,\"a\":[\"x\"]}\n]\n"),
            (Structure::Ndjson, "{\"b\":1,\"a\":[\"x\"]}\n"),
            (Structure::Yaml, "- b: 1\n  a:\n  - x\n"),
        ] {
            let mut out = Vec::new();
            let mut list = Items::new(&mut out, structure);
            list.encoded(br#"{"b":1,"a":["x"]}"#).expect("memory");
            list.finish().expect("memory");
            assert_eq!(String::from_utf8(out).expect("text"), text);
        }
    }

    #[test]
    fn numbers_are_exact() {
        let text = list(Structure::Json, &[u64::MAX]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value[0]["number"].as_u64(), Some(u64::MAX));
        let text = list(Structure::Yaml, &[u64::MAX]);
        assert_eq!(text, "- number: 18446744073709551615\n");
    }
}
