//! The pages of the project: every link from one file to another leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};

fn pages(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect()
}

/// Targets of links in a page that are files, without the place in them.
fn targets(page: &str) -> Vec<&str> {
    let ends = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let files = ends.map(|(target, _)| target.split('#').next().unwrap_or(""));
    files.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut lost = Vec::new();
    for path in ["", "docs", "examples/sites"].iter().flat_map(|folder| pages(&root.join(folder))) {
        let text = fs::read_to_string(&path).unwrap();
        for target in targets(&text) {
            if !path.parent().unwrap().join(target).exists() {
                lost.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn targets_of_links_are_found() {
    assert_eq!(
        targets("a [b](c.md), [d](e.md#f), [g](#h), ![i](j.svg) <k> [l](https://m.example/n.md)"),
        ["c.md", "e.md", "j.svg"]
    );
}
