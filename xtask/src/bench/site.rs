//! The site that the benchmark fills: one feed, look-up of networks, one notice for each network.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::book;
use super::child::{self, Used};

/// Where a site keeps what registries publish.
const REGISTRY: &str = "data/lookup/registry";

/// Rules such as sites have: on addresses, numbers, texts, sets and patterns.
const TEN_RULES: &[&str] = &[
    "if = 'classification.type == \"test\"'\ndrop = true",
    "if = 'cidr(source.ip, \"81.0.0.0/8\")'\nset = { severity = \"high\" }",
    "if = 'source.port == 23 || source.port == 2323'\nset = { severity = \"high\" }",
    "if = 'source.geolocation.cc == \"FI\" && severity == \"low\"'\nset = { severity = \"medium\" }",
    "if = 'source.asn in [1000, 1001, 1002, 1003]'\nset = { severity = \"critical\" }",
    "if = 'source.reverse_dns.endsWith(\".as1234.example.net\")'\nset = { severity = \"low\" }",
    "if = 'source.reverse_dns.startsWith(\"host-9\") && protocol.transport == \"udp\"'\nset = { severity = \"low\" }",
    "if = 'source.reverse_dns.matches(\"^host-8[0-9]-.*-1[.]as\")'\nset = { severity = \"info\" }",
    "if = 'source.asn > 60000 && !(source.port == 53)'\nset = { severity = \"medium\" }",
    "if = 'cidr(source.ip, \"2001:db8::/32\") || source.ip == \"9.9.9.9\"'\ndrop = true",
];

/// What a site has besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// Nothing.
    Nothing,
    /// Ten rules.
    Rules,
    /// The data of registries, and ten thousand constituents.
    Book,
}

/// Where the benchmark keeps its files.
pub(super) struct Folders {
    /// Everything; below the target folder.
    pub(super) root: PathBuf,
}

impl Folders {
    pub(super) fn site(&self) -> PathBuf {
        self.root.join("site")
    }

    /// A report of one row, to make the site one that has run before.
    pub(super) fn one_row(&self) -> PathBuf {
        self.root.join("2026-06-17-scan_telnet-first.csv")
    }

    pub(super) fn asn(&self) -> PathBuf {
        self.root.join("asn-ipv4.csv")
    }

    pub(super) fn country(&self) -> PathBuf {
        self.root.join("country-ipv4.csv")
    }

    /// What the registry publishes.
    pub(super) fn objects(&self) -> PathBuf {
        self.root.join("ripe.db")
    }

    /// What is made of it, for the next site.
    fn registry(&self) -> PathBuf {
        self.root.join("registry")
    }

    fn parties(&self) -> PathBuf {
        self.root.join("parties.csv")
    }
}

/// Makes the contact book's files, imports the registry into a new site, and keeps what it becomes. Gives
/// what the import used, and what asking for an address used then.
pub(super) fn import(concert: &Path, folders: &Folders, seed: u64) -> Result<(Used, Used), String> {
    let make = |path: &Path, write: &dyn Fn(&mut dyn Write) -> std::io::Result<()>| {
        let file = File::create(path).map(|file| BufWriter::with_capacity(1 << 20, file));
        let written = file.and_then(|mut file| write(&mut file).and_then(|()| file.flush()));
        written.map_err(|error| format!("{}: {error}", path.display()))
    };
    make(&folders.objects(), &|out| book::write_registry(out, book::INETNUMS, seed))?;
    make(&folders.parties(), &|out| book::write_parties(out, seed))?;
    self::make(concert, folders, With::Nothing)?;
    let site = folders.site();
    let mut command = Command::new(concert);
    let imported =
        child::run(command.args(["contact", "import", "rpsl"]).arg(folders.objects()).arg("--site").arg(&site))?;
    fs::remove_file(folders.objects()).map_err(|error| error.to_string())?;
    fs::copy(site.join(REGISTRY), folders.registry()).map_err(|error| error.to_string())?;
    // The first question on a new site makes the compiled copy of the address data.
    let mut asked = Err("nothing was asked".to_owned());
    for _ in 0..2 {
        asked = child::run(Command::new(concert).args(["who", "81.2.3.4", "--site"]).arg(&site));
    }
    Ok((imported, asked?))
}

/// Makes a new site in place of the last one.
pub(super) fn make(concert: &Path, folders: &Folders, with: With) -> Result<(), String> {
    let site = folders.site();
    remove(folders)?;
    child::run(Command::new(concert).arg("init").arg(&site))?;
    let path = site.join("concert.toml");
    fs::write(&path, settings(folders, with)).map_err(|error| format!("{}: {error}", path.display()))?;
    // A fault in the settings is told here, before anything is measured.
    child::run(Command::new(concert).args(["check", "--site"]).arg(&site))?;
    if with == With::Book {
        let mut command = Command::new(concert);
        let import = ["contact", "import", "constituents"];
        child::run(command.args(import).arg(folders.parties()).arg("--site").arg(&site))?;
        let registry = site.join(REGISTRY);
        let copied =
            fs::create_dir_all(site.join("data/lookup")).and_then(|()| fs::copy(folders.registry(), &registry));
        copied.map_err(|error| format!("{}: {error}", registry.display()))?;
    }
    // One row makes the compiled copy of the networks, which every later run only loads.
    ingest(concert, folders, &folders.one_row()).map(drop)
}

/// Takes a report in, through the whole path.
pub(super) fn ingest(concert: &Path, folders: &Folders, file: &Path) -> Result<Used, String> {
    let mut command = Command::new(concert);
    command.args(["ingest", "--quiet", "--format", "json", "--feed", "bench", "--site"]);
    child::run(command.arg(folders.site()).arg(file))
}

/// Takes the site away.
pub(super) fn remove(folders: &Folders) -> Result<(), String> {
    let site = folders.site();
    match fs::remove_dir_all(&site) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", site.display())),
        _ => Ok(()),
    }
}

fn settings(folders: &Folders, with: With) -> String {
    let quoted = |path: PathBuf| format!("{:?}", path.to_string_lossy());
    let mut text = format!(
        "[site]\nname = \"Benchmark\"\nemail = \"cert@cert.example\"\n\n\
         [limits]\nfile = \"64GiB\"\nunpacked = \"64GiB\"\n\n\
         [lookup]\nasn = [{}]\ncountry = [{}]\n\n\
         [[feed]]\nname = \"bench\"\nparser = \"shadowserver\"\n\
         collect = {{ type = \"file\", path = \"in/\", pattern = \"*.csv\", mode = \"drop\" }}\n\n\
         [[notice]]\nname = \"per network\"\ngroup_by = [\"source.asn\"]\nwhen = \"at once\"\n\
         format = \"csv\"\nvia = \"outbox\"\n\n\
         [via.outbox]\ntype = \"file\"\npath = \"out/\"\n",
        quoted(folders.asn()),
        quoted(folders.country())
    );
    for (at, rule) in TEN_RULES.iter().enumerate().filter(|_| with == With::Rules) {
        text.push_str(&format!("\n[[rule]]\nname = \"rule {}\"\n{rule}\n", at + 1));
    }
    text
}
