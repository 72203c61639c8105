//! What a watch tells, for as long as what the relay says makes sense.

use futures_util::StreamExt;
use reqwest::Response;
use tokio::sync::mpsc;
use twiza_protocol::{MailboxAddress, Record, RecordDecoder};

/// Tells which mailbox each record of a watch is about, until the stream ends, a record cannot be read, or nobody
/// listens. A refused or lagging mailbox ends it as well: the listener reads it and finds out why.
///
/// A watch has no end, but every record has: the decoder refuses what announces more than the largest frame, and nothing
/// is taken after that.
pub(super) async fn tell(response: Response, addresses: Vec<MailboxAddress>, sender: mpsc::Sender<MailboxAddress>) {
    let mut stream = response.bytes_stream();
    let mut decoder = RecordDecoder::default();
    loop {
        let chunk = tokio::select! {
            chunk = stream.next() => chunk,
            // A closed mailbox has no more frames: without this, its stream would stay open as long as the connection.
            () = sender.closed() => return,
        };
        let Some(Ok(chunk)) = chunk else { return };
        decoder.push(&chunk);
        loop {
            let slot = match decoder.next_record() {
                Ok(Some(Record::Frame { slot, .. })) => slot,
                Ok(Some(Record::Head { .. } | Record::More { .. } | Record::Heartbeat)) => continue,
                Ok(Some(Record::Refused { .. } | Record::Lagging { .. })) | Err(_) => return,
                Ok(None) => break,
            };
            let Some(address) = addresses.get(usize::from(slot)) else { return };
            if sender.send(*address).await.is_err() {
                return;
            }
        }
    }
}
