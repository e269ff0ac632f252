fn main() {
    marty::htaccess::write_next_to_binary_from_manifest().unwrap();
}
