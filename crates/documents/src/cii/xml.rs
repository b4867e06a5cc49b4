//! A writer of XML: indented, escaped, and without anything that XML 1.0 cannot hold.

use chrono::NaiveDate;

pub(super) struct Xml {
    out: String,
    depth: usize,
}

impl Xml {
    pub(super) fn new() -> Self {
        Self {
            out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            depth: 0,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An element with others in it.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.indent();
        self.end(name);
    }

    /// The same without attributes.
    pub(super) fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.element(name, &[], content);
    }

    /// An element that holds text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element that holds text, and attributes.
    pub(super) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.start(name, attributes);
        self.out.push('>');
        self.escaped(text);
        self.end(name);
    }

    /// The same where there is a text that says something.
    pub(super) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            self.text(name, text);
        }
    }

    /// A day, in the form 102 of UNTDID 2379.
    pub(super) fn date(&mut self, name: &str, date: NaiveDate) {
        self.text_with(
            name,
            &[("format", "102")],
            &date.format("%Y%m%d").to_string(),
        );
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            self.escaped(value);
            self.out.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // Readers make a space of these in attributes; a reference survives.
                '\n' | '\r' | '\t' => self.out.push_str(&format!("&#{};", u32::from(c))),
                // XML 1.0 has no way at all to hold these.
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.out.push('\u{fffd}'),
                c => self.out.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element() {
        let mut xml = Xml::new();
        xml.element("a", &[("b", "\"<&\n")], |xml| {
            xml.text("c", "]]> </c> & \u{1} 'Zoé'");
            xml.optional("d", Some(" "));
        });
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"&quot;&lt;&amp;&#10;\">\n  \
            <c>]]&gt; &lt;/c&gt; &amp; \u{fffd} 'Zoé'</c>\n</a>\n";
        assert_eq!(xml.finish(), expected);
    }
}
