//! One folding for the index, the query and the snippet.
