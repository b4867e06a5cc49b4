-- Fonts of a brand's own. The file lies in the object store under its content's hash; a row is what a
-- text's font name is looked up in, so a zone's allowedFonts may name the family.
CREATE TABLE atelier.brand_font (
    brand_id text NOT NULL REFERENCES public."Brand" (id) ON DELETE CASCADE,
    -- The family as it is compared: its letters and digits, in lower case.
    family_key text NOT NULL CHECK (family_key <> ''),
    family text NOT NULL,
    object_key text NOT NULL,
    size_bytes integer NOT NULL CHECK (size_bytes > 0),
    glyphs integer NOT NULL CHECK (glyphs > 0),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (brand_id, family_key)
);
