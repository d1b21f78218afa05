"""Generated from protos/simsvc/v1. Do not edit."""
