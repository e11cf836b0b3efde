//! Connections as JSON and back.

use super::*;

#[test]
fn connections_are_read_back_and_states_are_names() {
    let text = include_str!("../../tests/golden/7.2/mixed/ip_vs_conn");
    for connection in Connections::from_reader(text.as_bytes()).unwrap() {
        let connection = connection.unwrap();
        let json = serde_json::to_string(&connection).unwrap();
        let state = format!("\"state\":\"{}\"", connection.state);
        assert!(json.contains(&state), "{json}");
        assert_eq!(serde_json::from_str::<Connection>(&json).unwrap(), connection);
    }
    assert!(serde_json::from_str::<ConnectionState>("\"A B\"").is_err());
    assert_eq!(serde_json::to_string(&Origin::Sync).unwrap(), "\"sync\"");
}
