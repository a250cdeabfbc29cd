//! `concert`: everything is in the library; see `command/`.

fn main() -> std::process::ExitCode {
    concert::command::main()
}
