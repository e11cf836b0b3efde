//! A table, as the kernel lists it.

use rsadm_netlink::{Connection, Message, Result, Transport, now};

/// How often one table is read again that the kernel says changed under the reading.
const MOST_DUMPS: usize = 8;

/// Reads a table, again where it changed meanwhile; whether it did under every reading too.
pub(super) fn dump<T: Transport, V: Send>(
    connection: &mut Connection<T>,
    mut message: Message,
    decode: fn(&[u8]) -> Option<V>,
) -> Result<(Vec<V>, bool)> {
    let mut dumps = 1;
    loop {
        let mut values = Vec::new();
        let done: Result<()> = now(async {
            let mut dump = connection.dump(&mut message).await?;
            while let Some(reply) = dump.next().await? {
                values.extend(decode(reply.payload));
            }
            Ok(())
        });
        match done {
            Ok(()) => return Ok((values, false)),
            Err(error) if error.is_interrupted() && dumps == MOST_DUMPS => {
                return Ok((values, true));
            }
            Err(error) if error.is_interrupted() => dumps += 1,
            Err(error) => return Err(error),
        }
    }
}
