"""The web console: pages for analysts over the gRPC client, with the reader's own token."""
