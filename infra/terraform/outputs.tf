output "env" {
  description = "Lines for .env, as docs/cloud.md says."
  value       = local.env

  # Not before there is what they name.
  depends_on = [google_storage_bucket_iam_member.this]
}

output "buckets" {
  description = "Name of each bucket."
  value       = { for purpose, bucket in google_storage_bucket.this : purpose => bucket.name }
}

output "service_accounts" {
  description = "E-mail of each service account: what is attached to a workload, or impersonated."
  value       = { for account, made in google_service_account.this : account => made.email }
}
