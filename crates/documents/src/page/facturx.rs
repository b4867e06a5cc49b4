//! What makes a PDF/A-3 with an attachment a Factur-X: four properties in its metadata, in a namespace of
//! their own, and the schema that PDF/A wants described beside them.
//!
//! The library that writes the PDF cannot be told to add them, but it writes the metadata as a stream
//! that is neither compressed nor encrypted. So the stream is made longer, and what counts bytes is
//! corrected: the stream's length, the table of offsets, and where that table begins. Anything that is not
//! found exactly as expected is an error, never a guess.

use crate::error::RenderError;

/// The attachment's name, which is part of the standard.
pub(super) const FILE: &str = "factur-x.xml";

/// Factur-X 1.0's namespace; the version of the data model, and the profile.
const PROPERTIES: &str = r#"<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"><fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>factur-x.xml</fx:DocumentFileName><fx:Version>1.0</fx:Version><fx:ConformanceLevel>EN 16931</fx:ConformanceLevel></rdf:Description>"#;

/// The description PDF/A wants of properties that are not its own (ISO 19005-3, 6.6.2.3.3).
const SCHEMA: &str = r#"<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema><pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>DocumentFileName</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>The name of the embedded XML document</pdfaProperty:description></rdf:li><rdf:li rdf:parseType="Resource"><pdfaProperty:name>DocumentType</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>The type of the hybrid document in capital letters, e.g. INVOICE or ORDER</pdfaProperty:description></rdf:li><rdf:li rdf:parseType="Resource"><pdfaProperty:name>Version</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>The actual version of the standard applying to the embedded XML document</pdfaProperty:description></rdf:li><rdf:li rdf:parseType="Resource"><pdfaProperty:name>ConformanceLevel</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>The conformance level of the embedded XML document</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property></rdf:li>"#;

/// Adds the properties to the metadata of a PDF.
pub(super) fn declare(pdf: Vec<u8>) -> Result<Vec<u8>, RenderError> {
    grow(&pdf).ok_or_else(|| RenderError::Page("its metadata is not as expected".to_owned()))
}

/// The PDF with a longer metadata stream; `None` where it is not built as the library builds it.
fn grow(pdf: &[u8]) -> Option<Vec<u8>> {
    let table = Table::read(pdf)?;
    let packet = find(pdf, b"<?xpacket begin")?;
    let object = table
        .offsets
        .iter()
        .copied()
        .filter(|o| *o < packet)
        .max()?;
    // The object's dictionary, up to its stream: the one place that says how long the stream is.
    let length = object + find(pdf.get(object..packet)?, b"/Length ")? + b"/Length ".len();
    let digits = pdf
        .get(length..)?
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let old: usize = number(pdf.get(length..length + digits)?)?;
    let schemas = packet + find(pdf.get(packet..)?, b"</rdf:Bag></pdfaExtension:schemas>")?;
    let end = packet + find(pdf.get(packet..)?, b"</rdf:RDF>")?;
    let longer = (old + SCHEMA.len() + PROPERTIES.len()).to_string();
    let mut grown = Vec::with_capacity(pdf.len() + SCHEMA.len() + PROPERTIES.len() + 8);
    grown.extend_from_slice(pdf.get(..length)?);
    grown.extend_from_slice(longer.as_bytes());
    grown.extend_from_slice(pdf.get(length + digits..schemas)?);
    grown.extend_from_slice(SCHEMA.as_bytes());
    grown.extend_from_slice(pdf.get(schemas..end)?);
    grown.extend_from_slice(PROPERTIES.as_bytes());
    grown.extend_from_slice(pdf.get(end..table.start)?);
    let by = grown.len().checked_sub(table.start)?;
    table.write_moved(pdf, end, by, &mut grown)?;
    Some(grown)
}

/// The table of the objects' offsets, which is the last thing in the file but for its trailer.
struct Table {
    start: usize,
    /// Where its entries begin.
    entries: usize,
    offsets: Vec<usize>,
}

/// An entry: ten digits, a space, five digits, a space, a letter, two bytes to end the line.
const ENTRY: usize = 20;

impl Table {
    fn read(pdf: &[u8]) -> Option<Self> {
        let tail = pdf.len().saturating_sub(64);
        let told = tail + find(pdf.get(tail..)?, b"startxref\n")? + b"startxref\n".len();
        let digits = pdf
            .get(told..)?
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let start: usize = number(pdf.get(told..told + digits)?)?;
        let counted = pdf.get(start..)?.strip_prefix(b"xref\n0 ")?;
        let digits = counted.iter().take_while(|b| b.is_ascii_digit()).count();
        let count: usize = number(counted.get(..digits)?)?;
        let entries = start + b"xref\n0 ".len() + digits + 1;
        let offsets = (0..count)
            .map(|index| {
                let at = entries + index * ENTRY;
                number(pdf.get(at..at + 10)?)
            })
            .collect::<Option<_>>()?;
        Some(Self {
            start,
            entries,
            offsets,
        })
    }

    /// The table and the trailer, with what begins after `point` moved on `by` bytes.
    fn write_moved(&self, pdf: &[u8], point: usize, by: usize, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(pdf.get(self.start..self.entries)?);
        for (index, offset) in self.offsets.iter().enumerate() {
            let at = self.entries + index * ENTRY;
            let moved = if *offset > point {
                offset + by
            } else {
                *offset
            };
            out.extend_from_slice(format!("{moved:010}").as_bytes());
            out.extend_from_slice(pdf.get(at + 10..at + ENTRY)?);
        }
        let trailer = self.entries + self.offsets.len() * ENTRY;
        let told = trailer + find(pdf.get(trailer..)?, b"startxref\n")? + b"startxref\n".len();
        let digits = pdf
            .get(told..)?
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        out.extend_from_slice(pdf.get(trailer..told)?);
        out.extend_from_slice((self.start + by).to_string().as_bytes());
        out.extend_from_slice(pdf.get(told + digits..)?);
        Some(())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "%PDF-1.7\n1 0 obj\n<</Length 71/Type/Metadata>>\nstream\n<?xpacket \
        begin?><rdf:Bag></rdf:Bag></pdfaExtension:schemas></rdf:RDF>\nendstream\nendobj\n2 0 obj\n<<>>\n\
        endobj\nxref\n0 3\n0000000000 65535 f\r\n0000000009 00000 n\r\n0000000141 00000 n\r\ntrailer\n<<>>\n\
        startxref\n161\n%%EOF\n";

    #[test]
    fn every_offset_points_at_its_object_afterwards() {
        assert_eq!(SMALL.find("2 0 obj"), Some(141));
        assert_eq!(SMALL.find("xref"), Some(161));
        let grown = grow(SMALL.as_bytes()).unwrap();
        let table = Table::read(&grown).unwrap();
        for (number, offset) in table.offsets.iter().enumerate().skip(1) {
            assert!(grown[*offset..].starts_with(format!("{number} 0 obj").as_bytes()));
        }
        let text = String::from_utf8(grown).unwrap();
        assert!(text.contains(&format!(
            "/Length {}/",
            71 + SCHEMA.len() + PROPERTIES.len()
        )));
        assert!(text.contains("</rdf:Description></rdf:RDF>"));
    }

    #[test]
    fn what_is_not_as_expected_is_refused() {
        for (from, to) in [
            ("startxref", "startxxxx"),
            ("xref\n0 3", "xraf\n0 3"),
            ("</rdf:RDF>", "</rdf:XXX>"),
            ("<?xpacket", "<!xpacket"),
            ("/Length", "/Lengte"),
        ] {
            assert!(
                declare(SMALL.replace(from, to).into_bytes()).is_err(),
                "{from}"
            );
        }
        assert!(declare(Vec::new()).is_err());
    }
}
