//! The note that says a model had a hand in a picture.
//!
//! The EU's AI Act and the larger marketplaces ask for a mark that machines can read. It is IPTC's
//! `DigitalSourceType`, in an XMP packet, which is where readers look for it in all three formats.

/// How a picture came about, in the words of IPTC's vocabulary
/// (<http://cv.iptc.org/newscodes/digitalsourcetype/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A model made all of it.
    TrainedAlgorithmicMedia,
    /// A model made parts of it: a generated picture on a photograph.
    CompositeWithTrainedAlgorithmicMedia,
}

impl Origin {
    /// The term's address.
    #[must_use]
    pub fn term(self) -> &'static str {
        match self {
            Self::TrainedAlgorithmicMedia => {
                "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
            }
            Self::CompositeWithTrainedAlgorithmicMedia => {
                "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
            }
        }
    }

    /// The packet, without the padding that is meant for editing files in place.
    pub(super) fn xmp(self) -> String {
        let term = self.term();
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\
             <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
             <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
             <rdf:Description rdf:about=\"\" \
             xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" \
             Iptc4xmpExt:DigitalSourceType=\"{term}\"/>\
             </rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
        )
    }
}
