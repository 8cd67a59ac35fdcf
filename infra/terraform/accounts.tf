resource "google_project_service" "this" {
  for_each = toset(["iam.googleapis.com", "iamcredentials.googleapis.com", "storage.googleapis.com"])

  project = var.project
  service = each.value

  # Others in this project may need them too.
  disable_on_destroy = false
}

resource "google_service_account" "this" {
  for_each = local.access

  project      = var.project
  account_id   = "${var.name}-${each.key}"
  display_name = "Risk-O-Meter: ${each.key}"

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = local.grants

  bucket = google_storage_bucket.this[each.value.bucket].name
  role   = each.value.role
  member = google_service_account.this[each.value.account].member
}

resource "google_service_account_iam_member" "this" {
  for_each = local.actors

  service_account_id = google_service_account.this[each.value.account].name
  role               = each.value.role
  member             = each.value.member
}
