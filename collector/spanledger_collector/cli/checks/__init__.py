"""What `spanledger doctor` looks at. Each check returns findings; none needs the extra `collector`."""
