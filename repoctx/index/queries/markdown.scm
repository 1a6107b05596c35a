; Capture names: see captures.py.
(section . (atx_heading heading_content: (inline) @name) @body) @definition.section
(section . (setext_heading heading_content: (paragraph) @name) @body) @definition.section
