resource "google_storage_bucket" "this" {
  # checkov:skip=CKV_GCP_62:Who read what is in the audit logs (docs/cloud.md); usage logs come hours later and some never do.
  for_each = local.bucket_names

  project  = var.project
  name     = each.value
  location = var.location
  labels   = merge(var.labels, { application = var.name, purpose = each.key })

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A bucket that holds anything is not destroyed unless a person said so beforehand.
  force_destroy = var.destroy_contents

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  # What versioning keeps is paid for: older versions go in the end, and so do uploads that were given up.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.noncurrent_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  dynamic "lifecycle_rule" {
    for_each = compact([try(var.lifecycle_days[each.key].nearline, null)])

    content {
      action {
        type          = "SetStorageClass"
        storage_class = "NEARLINE"
      }
      condition {
        age                   = tonumber(lifecycle_rule.value)
        matches_storage_class = ["STANDARD"]
      }
    }
  }

  # With versioning, this makes the object an older version, which goes noncurrent_days later.
  dynamic "lifecycle_rule" {
    for_each = compact([try(var.lifecycle_days[each.key].delete, null)])

    content {
      action {
        type = "Delete"
      }
      condition {
        age        = tonumber(lifecycle_rule.value)
        with_state = "LIVE"
      }
    }
  }

  dynamic "encryption" {
    for_each = compact([var.kms_key])

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.storage]
}

# Cloud Storage itself encrypts and decrypts, so its own account in this project needs the key.
data "google_storage_project_service_account" "this" {
  count = var.kms_key == "" ? 0 : 1

  project = var.project
}

resource "google_kms_crypto_key_iam_member" "storage" {
  count = var.kms_key == "" ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${data.google_storage_project_service_account.this[0].email_address}"
}
