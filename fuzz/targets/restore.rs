//! Backups from anywhere: what is unpacked stays inside of its folder. The input is the archive before
//! it was compressed; a first byte of 0 puts the right beginning in front.
#![no_main]

use std::fs::File;

use concert::command::unpack_into;
use concert_fuzz::folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let mut whole = if *choice == 0 { head() } else { Vec::new() };
    whole.extend_from_slice(rest);
    let packed = match choice {
        // As it is, for the reader of what is compressed.
        2 => rest.to_vec(),
        _ => zstd::encode_all(whole.as_slice(), 1).expect("bytes can be compressed"),
    };
    let (backup, aside) = (folder().join("backup"), folder().join("aside"));
    std::fs::write(&backup, packed).expect("a backup");
    if let Err(why) = unpack_into(File::open(&backup).expect("a backup"), &aside) {
        assert!(!why.is_empty());
    }
    for entry in std::fs::read_dir(folder()).expect("our folder").flatten() {
        let name = entry.file_name();
        assert!(name == "backup" || name == "aside", "{name:?} is outside of the folder");
    }
    std::fs::remove_dir_all(&aside).ok();
});

/// The member every backup begins with.
fn head() -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let (name, text) = ("CONCERT-BACKUP", b"1\n");
    header.set_path(name).expect("a name");
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(text);
    out.resize(1024, 0);
    out
}
