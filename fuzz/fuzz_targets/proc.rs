//! The text files that IPVS shows under /proc, and those that modules are found by.

#![no_main]

use std::io::{BufRead, BufReader};

use ipvs::{Connections, Modules, PlainTable, Result, Statistics, Status, Sysctls};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    same(bytes, connections);
    same(bytes, table);
    same(bytes, |reader| format!("{:?}", Status::from_reader(reader)));
    same(bytes, |reader| format!("{:?}", Statistics::from_reader(reader)));
    let text = String::from_utf8_lossy(bytes);
    let modules = Modules::from_texts(&text, Some(&text), Some(&text));
    assert!(!modules.schedulers.is_empty());
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let sysctls = Sysctls::from_values(values.clone());
    assert!(sysctls.other.len() <= values.count());
});

/// The same is read whatever the pieces in which the kernel gives the file.
fn same(bytes: &[u8], read: fn(&mut dyn BufRead) -> String) {
    let whole = read(&mut &bytes[..]);
    assert_eq!(whole, read(&mut BufReader::with_capacity(7, bytes)));
}

fn connections(reader: &mut dyn BufRead) -> String {
    let Ok(connections) = Connections::from_reader(reader) else { return String::new() };
    let mut seen = String::new();
    for connection in connections {
        if let Ok(connection) = &connection {
            let named = connection.persistence.as_ref().map(|data| data.data_lossy().len());
            seen.push_str(&format!("{:?}{named:?}", (connection.is_template(), connection.mark())));
        }
        seen.push_str(&format!("{connection:?}\n"));
    }
    seen
}

fn table(reader: &mut dyn BufRead) -> String {
    let Ok(table) = PlainTable::from_reader(reader) else { return String::new() };
    let titles = (table.version(), table.connection_table_size());
    let services: Vec<Result<_>> = table.collect();
    let errors = services.iter().filter(|service| service.is_err()).count();
    assert!(errors <= 1, "reading ends at an error");
    for service in services.iter().flatten() {
        if let Some(key) = service.key.service_key() {
            assert!(service.key.matches(&key));
        }
    }
    format!("{titles:?}{services:?}")
}
