; Capture names: see captures.py. Keys to depth 2, and the names of listed mappings.
(document (block_node (block_mapping
  (block_mapping_pair key: (_) @name) @definition.key)))
(document (block_node (block_mapping (block_mapping_pair value: (block_node
  (block_mapping (block_mapping_pair key: (_) @name) @definition.key))))))
(document (block_node (block_sequence (block_sequence_item (block_node
  (block_mapping . (block_mapping_pair
    value: (flow_node) @name) @definition.section))))))
