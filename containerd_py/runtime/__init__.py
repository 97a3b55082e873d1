"""The container runtime: what libcontainer is to runc. It knows containers, never HTTP and never the store."""
