"""What the end-to-end tests are made of: certificates, recording origins, the program, clients."""
