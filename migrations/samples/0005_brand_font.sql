INSERT INTO atelier.brand_font (brand_id, family_key, family, object_key, size_bytes, glyphs, created_at)
SELECT id, 'housesans', 'House Sans', 'font/00.otf', 1000, 300, now() FROM public."Brand" LIMIT 1;
