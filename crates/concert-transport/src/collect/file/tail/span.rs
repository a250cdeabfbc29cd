//! Reading spans of lines from a followed file.

use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use super::super::lines::cut;
use super::state::{Followed, Head};

/// First bytes of a file that are compared to tell whether it is still the same.
const HEAD_BYTES_MAX: u64 = 1024;
/// How far back the start of a last line is looked for.
const BACK_BYTES_MAX: u64 = 64 * 1024;

/// Lines to be kept as one report.
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) bytes: Vec<u8>,
    /// There is more behind it already.
    pub(super) more: bool,
}

impl Followed {
    /// Whether the file no longer holds what was read from it.
    pub(super) async fn was_truncated(&mut self) -> bool {
        let Some(file) = &mut self.file else { return false };
        let Ok(metadata) = file.metadata().await else { return false };
        if metadata.len() < self.offset.max(self.plan) {
            return true;
        }
        let Some(head) = &self.head else { return false };
        // A head that cannot be read is no proof that the file changed.
        read_head(file, head.length).await.is_ok_and(|now| now.hash != head.hash)
    }

    /// Notes how the file begins, from what is durable of it.
    pub(super) async fn note_head(&mut self) {
        let length = self.offset.min(HEAD_BYTES_MAX);
        if self.head.as_ref().is_some_and(|head| head.length == length) {
            return;
        }
        if let Some(file) = &mut self.file {
            self.head = read_head(file, length).await.ok().filter(|head| head.length > 0);
        }
    }

    /// The next lines: the span that was planned before a kill, else all complete lines there are.
    pub(super) async fn next_span(&mut self, bytes_max: u64, ending: bool) -> Result<Option<Span>, String> {
        let Some(file) = &mut self.file else { return Ok(None) };
        let start = self.offset;
        let planned = self.plan.checked_sub(start).filter(|length| *length > 0);
        let name = self.name.clone();
        let say = |error: std::io::Error| format!("{name} cannot be read: {error}");
        let size = file.metadata().await.map_err(say)?.len();
        if size <= start {
            self.read_to = self.size_and_write().await.filter(|(now, _)| *now == size);
            return Ok(None);
        }
        let mut buffer = read(file, start, planned.unwrap_or(bytes_max)).await.map_err(say)?;
        let bytes = match planned {
            Some(_) => buffer,
            None => {
                let span = usize::try_from(bytes_max).unwrap_or(usize::MAX);
                match cut(&mut buffer, span, ending) {
                    Some(bytes) => bytes,
                    None => return Ok(None),
                }
            }
        };
        // What is left is at most the beginning of a line, unless the span was full.
        let more = planned.is_some() || size - start > bytes_max;
        Ok(Some(Span { start, bytes, more }))
    }
}

async fn read(file: &mut File, start: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn read_head(file: &mut File, length: u64) -> std::io::Result<Head> {
    let bytes = read(file, 0, length).await?;
    Ok(Head { length: bytes.len() as u64, hash: blake3::hash(&bytes).to_hex().to_string() })
}

/// Hash of the first bytes of a file, no further than `offset`.
pub(super) async fn head(path: &Path, offset: u64) -> Option<Head> {
    let mut file = File::open(path).await.ok()?;
    read_head(&mut file, offset.min(HEAD_BYTES_MAX)).await.ok().filter(|head| head.length > 0)
}

/// Where the last, unfinished line of a file begins: its end, when the last line is complete.
pub(super) async fn last_line_start(path: &Path, size: u64) -> u64 {
    let start = size.saturating_sub(BACK_BYTES_MAX);
    let Ok(mut file) = File::open(path).await else { return size };
    let Ok(bytes) = read(&mut file, start, size - start).await else { return size };
    match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => start + at as u64 + 1,
        None if start == 0 => 0,
        None => size,
    }
}
