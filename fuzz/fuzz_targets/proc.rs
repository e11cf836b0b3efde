//! The text files that IPVS shows under /proc, and those that modules are found by.

#![no_main]

use std::fmt::Debug;
use std::io::{BufRead, BufReader};

use ipvs::{
    Connection, Connections, Modules, PlainService, PlainTable, Result, Statistics, Status,
    Sysctls, Version,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    same(bytes, connections);
    same(bytes, table);
    same(bytes, |reader| told(Status::from_reader(reader)));
    same(bytes, |reader| told(Statistics::from_reader(reader)));
    let text = String::from_utf8_lossy(bytes);
    let modules = Modules::from_texts(&text, Some(&text), Some(&text));
    assert!(!modules.schedulers.is_empty());
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let sysctls = Sysctls::from_values(values.clone());
    assert!(sysctls.other.len() <= values.count());
});

/// The same is read whatever the pieces in which the kernel gives the file.
fn same<T: PartialEq + Debug>(bytes: &[u8], read: fn(&mut dyn BufRead) -> T) {
    let whole = read(&mut &bytes[..]);
    assert_eq!(whole, read(&mut BufReader::with_capacity(7, bytes)));
}

/// Errors as their messages, which can be compared.
fn told<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn connections(reader: &mut dyn BufRead) -> Result<Vec<Result<Connection, String>>, String> {
    let rows: Vec<_> = told(Connections::from_reader(reader))?.map(told).collect();
    for connection in rows.iter().flatten() {
        let _ = (connection.is_template(), connection.mark(), connection.state.as_str());
        let _ = connection.persistence.as_ref().map(|data| data.data_lossy().len());
    }
    Ok(rows)
}

type Table = (Version, u32, Vec<Result<PlainService, String>>);

fn table(reader: &mut dyn BufRead) -> Result<Table, String> {
    let table = told(PlainTable::from_reader(reader))?;
    let (version, size) = (table.version(), table.connection_table_size());
    let services: Vec<_> = table.map(told).collect();
    let errors = services.iter().filter(|service| service.is_err()).count();
    assert!(errors <= 1, "reading ends at an error");
    for service in services.iter().flatten() {
        if let Some(key) = service.key.service_key() {
            assert!(service.key.matches(&key));
        }
    }
    Ok((version, size, services))
}
