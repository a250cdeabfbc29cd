//! HTML as text: what a person sees of a mail, with what its links lead to.
//!
//! Lines end where they end for the eye, and the cells of a row stand in one line with tabs between them, as in a table
//! of text. A link is its text, and behind that its target in angle brackets where that is another: `here <http://...>`.
//! A quoted mail gets `> ` before its lines. Scripts, styles, comments and pictures are left out. Nothing is refused:
//! what is no tag is text, and what a mail never closes ends with it.
//!
//! It reads entities by the table of `mail-parser`, whose own reader knows neither tables nor links.

use mail_parser::decoders::html::html_to_text;

use crate::observables::{URL_BYTES_MAX, link, plain_url, without_hidden};

/// Most tables inside each other whose rows are told apart.
const TABLES_MAX: usize = 16;
/// Longest name of an entity.
const ENTITY_BYTES_MAX: usize = 32;
/// A longer cell is part of a page's layout, and stays lines.
const CELL_BYTES_MAX: usize = 200;
/// What is between lines where one stands, and where a paragraph does.
const LINE: usize = 1;
const PARAGRAPH: usize = 2;

/// The text of a page or a piece of one.
pub(crate) fn text(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once('<') {
        page.write(before);
        let Some((tag, after)) = Tag::read(behind) else {
            page.write("<");
            rest = behind;
            continue;
        };
        rest = match tag.name.as_str() {
            "script" | "style" | "title" if !tag.is_end => behind_element(after, &tag.name),
            _ => after,
        };
        page.tag(tag);
    }
    page.write(rest);
    let text = page.end();
    without_hidden(&text).into_owned()
}

/// What stands behind an element in which there are no tags.
fn behind_element<'h>(html: &'h str, name: &str) -> &'h str {
    let mut rest = html;
    while let Some((_, behind)) = rest.split_once("</") {
        if behind.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return behind.split_once('>').map_or("", |(_, after)| after);
        }
        rest = behind;
    }
    ""
}

/// A tag with what is used of it; without a name it is a comment and the like.
#[derive(Default)]
struct Tag {
    name: String,
    is_end: bool,
    /// Where a link leads to.
    href: String,
    /// `class`, `style` and `type`, in lower case.
    look: String,
}

impl Tag {
    /// Reads what stands behind `<`, and gives what stands behind the tag.
    fn read(html: &str) -> Option<(Self, &str)> {
        let behind =
            |html: &'_ str, end: &str| html.split_once(end).map_or(html.len(), |(tag, _)| tag.len() + end.len());
        if html.starts_with(['!', '?']) {
            let end = if html.starts_with("!--") { behind(html, "-->") } else { behind(html, ">") };
            return Some((Self::default(), html.get(end..).unwrap_or_default()));
        }
        let inner = html.strip_prefix('/').unwrap_or(html);
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-')).unwrap_or(inner.len());
        let (name, rest) = inner.split_at_checked(end)?;
        let mut tag = Self { name: name.to_ascii_lowercase(), is_end: inner.len() < html.len(), ..Self::default() };
        let rest = tag.attributes(rest);
        Some((tag, rest))
    }

    /// Reads attributes to the end of the tag, and gives what stands behind it.
    fn attributes<'h>(&mut self, html: &'h str) -> &'h str {
        let mut rest = html;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '='));
            if let Some(after) = rest.strip_prefix('>') {
                return after;
            }
            let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
            let Some((name, after)) = rest.split_at_checked(rest.find(ends).unwrap_or(rest.len())) else { return "" };
            if name.is_empty() {
                return "";
            }
            rest = after.trim_ascii_start();
            let Some(value) = rest.strip_prefix('=') else { continue };
            let value = value.trim_ascii_start();
            let quote = value.chars().next().filter(|sign| matches!(sign, '"' | '\''));
            let (value, after) = match quote {
                Some(quote) => value.get(1..).and_then(|value| value.split_once(quote)).unwrap_or((value, "")),
                None => {
                    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len());
                    value.split_at_checked(end).unwrap_or((value, ""))
                }
            };
            match name.to_ascii_lowercase().as_str() {
                "href" if value.len() <= URL_BYTES_MAX => self.href = target(value),
                "class" | "style" | "type" if value.len() <= URL_BYTES_MAX => {
                    self.look.extend([" ", &value.to_ascii_lowercase().replace(' ', "")]);
                }
                _ => {}
            }
            rest = after;
        }
    }

    /// Whether a paragraph is a line for the eye, as in the mails of Outlook.
    fn is_tight(&self) -> bool {
        ["msonormal", "msoplaintext", "margin:0", "margin-bottom:0"].iter().any(|look| self.look.contains(look))
    }

    fn is_quote(&self) -> bool {
        self.name == "blockquote" && (self.look.contains("cite") || self.look.contains("gmail_quote"))
    }
}

/// Where a link leads to as one word; empty where that is nothing of the web.
fn target(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    for sign in decoded(value).trim().chars().filter(|sign| !sign.is_control()) {
        match sign {
            ' ' => plain.push_str("%20"),
            '<' => plain.push_str("%3C"),
            '>' => plain.push_str("%3E"),
            '"' => plain.push_str("%22"),
            sign => plain.push(sign),
        }
    }
    if link::url(&plain).is_some_and(|found| found.start == 0) { plain } else { String::new() }
}

fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    each_piece(text, &mut |piece| out.push_str(piece));
    out
}

/// Calls `each` with the pieces of a text in order, entities as what they stand for.
fn each_piece(text: &str, each: &mut dyn FnMut(&str)) {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        each(before);
        let end = behind.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
        let name = end.and_then(|end| behind.get(..end)).unwrap_or_default();
        let is_one = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
        match behind.get(name.len() + 1..).filter(|_| is_one) {
            Some(after) => {
                each(&html_to_text(&format!("&{name};")));
                rest = after;
            }
            None => {
                each("&");
                rest = behind;
            }
        }
    }
    each(rest);
}

/// A table that is open: what was written before it and of it, and the cells of the row that is open.
struct Table {
    before: String,
    cells: Vec<String>,
    is_in_cell: bool,
}

/// What was read of a page so far.
#[derive(Default)]
struct Page {
    /// The text; in a table, that of the cell.
    out: String,
    /// A blank belongs before what comes next.
    has_gap: bool,
    tables: Vec<Table>,
    /// Tables that are deeper inside each other.
    deeper: usize,
    /// The target of the link that is open, and where its text begins.
    link: Option<(String, usize)>,
    preformatted: usize,
    quotes: Vec<bool>,
    is_tight: bool,
}

impl Page {
    fn tag(&mut self, tag: Tag) {
        match tag.name.as_str() {
            "br" => self.out_line(),
            "p" => {
                self.end_link();
                if !tag.is_end {
                    self.is_tight = tag.is_tight();
                }
                self.lines(if self.is_tight { LINE } else { PARAGRAPH });
            }
            "a" => {
                self.end_link();
                if !tag.is_end && !tag.href.is_empty() {
                    self.link = Some((tag.href, self.out.len()));
                }
            }
            "pre" => {
                self.lines(LINE);
                self.preformatted =
                    if tag.is_end { self.preformatted.saturating_sub(1) } else { self.preformatted + 1 };
            }
            "blockquote" => {
                self.end_link();
                self.lines(LINE);
                if tag.is_end {
                    self.quotes.pop();
                } else {
                    self.quotes.push(tag.is_quote());
                }
            }
            "table" | "tr" | "td" | "th" => self.table_tag(&tag),
            "div" | "li" | "ul" | "ol" | "dl" | "dt" | "dd" | "hr" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6"
            | "section" | "article" | "header" | "footer" | "address" | "center" | "form" | "body" | "head"
            | "caption" | "fieldset" | "figure" | "main" | "nav" => {
                self.end_link();
                self.lines(LINE);
            }
            _ => {}
        }
    }

    fn table_tag(&mut self, tag: &Tag) {
        self.end_link();
        let is_table = tag.name == "table";
        if is_table && !tag.is_end && (self.tables.len() == TABLES_MAX || self.deeper > 0) {
            self.deeper += 1;
        } else if is_table && tag.is_end && self.deeper > 0 {
            self.deeper -= 1;
        } else if self.deeper == 0 && (is_table || !self.tables.is_empty()) {
            return match (tag.name.as_str(), tag.is_end) {
                ("table", false) => {
                    self.lines(LINE);
                    let before = std::mem::take(&mut self.out);
                    self.tables.push(Table { before, cells: Vec::new(), is_in_cell: false });
                }
                ("table", true) => self.end_table(),
                ("tr", _) => self.end_row(),
                (_, is_end) => {
                    self.end_cell();
                    if let Some(table) = self.tables.last_mut() {
                        table.is_in_cell = !is_end;
                    }
                }
            };
        }
        self.lines(LINE);
    }

    fn end_cell(&mut self) {
        let Some(table) = self.tables.last_mut() else { return };
        let text = std::mem::take(&mut self.out);
        self.has_gap = false;
        if table.is_in_cell || !text.trim().is_empty() {
            table.cells.push(text.trim().to_owned());
        }
        table.is_in_cell = false;
    }

    fn end_row(&mut self) {
        self.end_cell();
        let Some(table) = self.tables.last_mut() else { return };
        let cells = std::mem::take(&mut table.cells);
        if cells.iter().all(String::is_empty) {
            return;
        }
        let is_row = cells.len() > 1 && cells.iter().all(|cell| cell.len() <= CELL_BYTES_MAX);
        for (index, cell) in cells.iter().enumerate() {
            if !is_row {
                table.before.extend([cell, "\n"]);
                continue;
            }
            if index > 0 {
                table.before.push('\t');
            }
            for (index, line) in cell.lines().filter(|line| !line.trim().is_empty()).enumerate() {
                table.before.extend([if index > 0 { " " } else { "" }, line]);
            }
        }
        if is_row {
            table.before.push('\n');
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        if let Some(table) = self.tables.pop() {
            self.out = table.before;
            self.has_gap = false;
        }
    }

    /// Writes the target behind the text of a link where that does not say it.
    fn end_link(&mut self) {
        let Some((href, begin)) = self.link.take() else { return };
        let text = self.out.get(begin..).unwrap_or_default();
        let shown = text.trim();
        let plain = |text: &str| link::url(text).map(|found| plain_url(&found.url).trim_end_matches('/').to_owned());
        let (scheme, rest) = href.split_once("://").unwrap_or_default();
        let is_said = plain(shown).is_some_and(|shown| Some(shown) == plain(&href));
        let is_short =
            shown.trim_end_matches('/').eq_ignore_ascii_case(rest.trim_end_matches('/')) && !scheme.is_empty();
        if is_short {
            self.out.truncate(begin);
            self.has_gap = true;
            self.write_plain(&href);
        } else if is_said {
            // Letters that touch a URL would become part of it.
            let (before, behind) = self.out.split_at_checked(begin).unwrap_or_default();
            if !before.is_empty() && !before.ends_with(char::is_whitespace) && !behind.starts_with(char::is_whitespace)
            {
                self.out.insert(begin, ' ');
            }
        } else {
            self.has_gap = true;
            self.write_plain("<");
            self.write_plain(&href);
            self.write_plain(">");
        }
        self.has_gap = true;
    }

    fn write(&mut self, text: &str) {
        each_piece(text, &mut |piece| self.write_plain(piece));
    }

    fn write_plain(&mut self, text: &str) {
        for sign in text.chars() {
            if sign == '\n' && self.preformatted > 0 {
                self.out_line();
            } else if sign == '\t' && self.preformatted > 0 {
                self.out.push(sign);
            } else if sign.is_whitespace() || sign.is_control() {
                self.has_gap |= sign.is_whitespace() && sign != '\r';
                if self.preformatted > 0 && sign == ' ' {
                    self.out.push(' ');
                }
            } else {
                let is_begin = self.out.is_empty() || self.out.ends_with('\n');
                if is_begin && self.quotes.contains(&true) {
                    self.out.push_str("> ");
                }
                if !is_begin && self.has_gap && !self.out.ends_with(char::is_whitespace) {
                    self.out.push(' ');
                }
                self.has_gap = false;
                self.out.push(sign);
            }
        }
    }

    fn out_line(&mut self) {
        self.has_gap = false;
        self.out.push('\n');
    }

    /// Ends the line, and goes on so many lines below it.
    fn lines(&mut self, count: usize) {
        self.has_gap = false;
        let there = self.out.bytes().rev().take_while(|byte| *byte == b'\n').take(PARAGRAPH).count();
        if !self.out.is_empty() {
            (there..count).for_each(|_| self.out.push('\n'));
        }
    }

    fn end(mut self) -> String {
        self.end_link();
        while !self.tables.is_empty() {
            self.end_table();
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn check(html: &str, want: &str) {
        assert_eq!(text(html).trim_matches('\n'), want, "{html}");
    }

    #[test]
    fn lines_end_where_they_end_for_the_eye() {
        check("<html><body>a<br>b<BR/>\n c <b>d</b>\n<i>e</i></body></html>", "a\nb\nc d e");
        check("<p>a</p><p>b</p>", "a\n\nb");
        check("<p class=MsoNormal>a<o:p></o:p></p><p class=\"MsoNormal\">b</p><p class=MsoNormal>&nbsp;</p>", "a\nb");
        check("<p style='margin:0cm'>a</p>\n<p style='margin: 0'>b</p>", "a\nb");
        check("<div>a</div><div><div>b</div></div>c<ul><li>d<li>e</ul>", "a\nb\nc\nd\ne");
        check("<div>a</div><div><br></div><div>b</div>", "a\n\nb");
        check("<pre>a  1\n\n\tb</pre>c", "a  1\n\n\tb\nc");
    }

    #[test]
    fn cells_of_a_row_stand_in_one_line() {
        check(
            "<table><tr><th>Attacker</th><th>Victim</th></tr><tr><td><p>192.0.2.1</p></td><td>198.51.100.1<br>22</td></tr></table>x",
            "Attacker\tVictim\n192.0.2.1\t198.51.100.1 22\nx",
        );
        check("<TABLE><tr><td>a<td><td>b<tr><td>c</table>", "a\t\tb\nc");
        check("<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>", "a\tb");
        let long = "word ".repeat(60);
        check(
            &format!("<table><tr><td>{long}<br>a</td><td>b</td></tr></table>"),
            &format!("{}\na\nb", long.trim_end()),
        );
        check("a<td>b</td></tr></table>c", "a\nb\nc");
    }

    #[test]
    fn links_say_where_they_lead_once() {
        check("<a href=\"http://a.example/x\">http://a.example/x</a>Eva", "http://a.example/x Eva");
        check("at <a href=http://a.example/x>http://a.example/x</a>", "at http://a.example/x");
        check("at<a href='http://a.example/'>http://a.example</a>.", "at http://a.example .");
        check("<a href=http://a.example/x>hxxp://a[.]example/x</a>", "hxxp://a[.]example/x");
        check("<a href=http://www.a.example/x>www.a.example/x</a>", "http://www.a.example/x");
        check(
            "Phishing <a href=\"http://a.example/?a=1&amp;b=2\">here</a>!",
            "Phishing here <http://a.example/?a=1&b=2> !",
        );
        check("<a href='http://b.example/'>http://a.example/</a>", "http://a.example/ <http://b.example/>");
        check("<a href='http://a.example/a b\"<'><img src=x></a>", "<http://a.example/a%20b%22%3C>");
        check(
            "<a href='mailto:a@b.example'>a@b.example</a> <a href='javascript:x()'>y</a> <a name=z>z</a>",
            "a@b.example y z",
        );
    }

    #[test]
    fn what_nobody_sees_is_left_out() {
        check("<head><title>t</title><style>p{}</style></head><!-- <b> -->a<script>if (a<b) \"</p>\"</SCRIPT>b", "ab");
        check("<!--[if mso]><p>x</p><![endif]-->a<![if !mso]>b<![endif]><?xml x?>", "ab");
        check(
            "192.0.2&#8203;.1 &lt;a&gt; &uuml;&#252;&#xfc; &nix; AT&T a < b <3",
            "192.0.2.1 <a> \u{fc}\u{fc}\u{fc} &nix; AT&T a < b <3",
        );
        check("a<style>b", "a");
        check("a<!-- b", "a");
        check("a<b class=\"x>y", "a");
        check("<blockquote type=\"cite\">a<div>b</div></blockquote>c<blockquote>d</blockquote>", "> a\n> b\nc\nd");
    }

    #[test]
    fn hostile_pages_take_linear_time() {
        const BYTES: usize = 1 << 20;
        for piece in [
            "<",
            "<a ",
            "<a href=",
            "<a href='",
            "&",
            "&#",
            "<table>",
            "<td>",
            "<table><tr><td>",
            "<!--",
            "<script>",
            "</",
            "<a href=http://a.example/>x",
            "<a b=\"",
            "<blockquote type=cite>",
            "<pre>\n",
            "<p>",
        ] {
            let html = piece.repeat(BYTES / piece.len());
            let before = Instant::now();
            text(&html);
            // Quadratic would be hours. The limit leaves room for a slow machine and a build without optimising.
            assert!(before.elapsed() < Duration::from_secs(20), "{piece}: {:?}", before.elapsed());
        }
    }

    proptest! {
        #[test]
        fn whatever_is_given_nothing_panics(html in "(<|>|/|\"|'|=|&|;|#|!|-| |a|href|table|td|tr|p|pre|http://a\\.b/|\u{e4}|\n){0,60}") {
            text(&html);
        }
    }
}
