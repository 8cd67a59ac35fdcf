terraform {
  required_version = ">= 1.6"

  # Which bucket holds the state is told at `make terraform-init STATE=...`, so that it stands nowhere in the code.
  backend "gcs" {
    prefix = "risk-o-meter"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.7.0"
    }
  }
}

# Credentials are those of whoever runs this: `gcloud auth application-default login`.
provider "google" {
  project = var.project
}
