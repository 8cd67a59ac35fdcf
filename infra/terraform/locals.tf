# Everything that is worked out from the variables alone: it can be looked at without Google (`terraform console`).
locals {
  # What each bucket is for. The project's id comes first: a bucket's name is taken for the whole world.
  purposes = {
    reports     = "drift and performance reports"
    predictions = "applications that were scored in batches"
    artifacts   = "models and their figures, kept by MLflow"
    data        = "applications, outcomes and tables to train on"
  }
  bucket_names = { for purpose in keys(local.purposes) : purpose => "${var.project}-${var.name}-${purpose}" }

  # Who may do what in which bucket, and nothing beyond. All three read and list; a creator can neither overwrite nor
  # delete; a user can both, which what is written again under one name takes (latest_prediction.txt, MLflow's files).
  roles = {
    read   = ["roles/storage.objectViewer"]
    create = ["roles/storage.objectViewer", "roles/storage.objectCreator"]
    write  = ["roles/storage.objectUser"]
  }
  access = {
    web      = { reports = "read", artifacts = "read" }
    worker   = { reports = "create", predictions = "write", artifacts = "write", data = "read" }
    exporter = { reports = "read" }
    mlflow   = { artifacts = "write" }
  }

  grants = merge([
    for account, buckets in local.access : merge([
      for bucket, access in buckets : {
        for role in local.roles[access] : "${account} ${bucket} ${role}" => { account = account, bucket = bucket, role = role }
      }
    ]...)
  ]...)

  # A workload proves who it is by itself; anybody else asks for a token that ends within the hour. No key is ever made.
  actors = merge([
    for account, members in var.may_act_as : {
      for member in members : "${account} ${member}" => {
        account = account
        member  = member
        role    = can(regex("^principal|\\.svc\\.id\\.goog\\[", member)) ? "roles/iam.workloadIdentityUser" : "roles/iam.serviceAccountTokenCreator"
      }
    }
  ]...)

  # Read by the processes themselves, so the names are those of creditrisk/settings.py, Google's client and MLflow.
  env = <<-ENV
    GOOGLE_CLOUD_PROJECT=${var.project}
    CREDITRISK_ARCHIVES=gs://${local.bucket_names.reports}
    CREDITRISK_BATCH_SOURCE=gs://${local.bucket_names.data}/applications/{date}.csv
    CREDITRISK_BATCH_TARGET=gs://${local.bucket_names.predictions}
    CREDITRISK_OUTCOMES_SOURCE=gs://${local.bucket_names.data}/outcomes/{date}.csv
    MLFLOW_ARTIFACTS_DESTINATION=gs://${local.bucket_names.artifacts}
  ENV
}
