variable "project" {
  description = "Id of the Google Cloud project that everything is made in; it exists and has billing."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project's id (6 to 30 lower-case letters, digits and hyphens), such as acme-credit-1."
  }
}

variable "location" {
  description = "Where the buckets lie: a region, a pair of them or a continent. It cannot be changed later."
  type        = string
  default     = "EU"

  validation {
    condition     = can(regex("^(EU|US|ASIA|(EUR|NAM|ASIA)[0-9]|[A-Z]+-[A-Z]+[0-9]+)$", upper(var.location)))
    error_message = "location must be a region of Cloud Storage, such as europe-west3, a pair such as EUR4, or EU, US or ASIA."
  }
}

variable "name" {
  description = "What the names of all buckets and service accounts hold, so that two installations fit into one project."
  type        = string
  default     = "riskometer"

  # Names of buckets end at 63 characters, those of service accounts at 30; none of a bucket may hold Google's.
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name)) && !can(regex("goog|g00g", var.name))
    error_message = "name must be 2 to 20 lower-case letters, digits and hyphens, begin with a letter and not hold \"goog\"."
  }
}

variable "labels" {
  description = "Labels of the buckets, which the bill can be split by."
  type        = map(string)
  default     = {}
}

variable "lifecycle_days" {
  description = "By bucket, the age in days at which an object moves to the cheaper class NEARLINE, and at which it is deleted; what is left out never happens."
  type = map(object({
    nearline = optional(number)
    delete   = optional(number)
  }))
  default = {
    reports     = { nearline = 90 }
    predictions = { nearline = 90 }
  }

  validation {
    condition     = alltrue([for bucket in keys(var.lifecycle_days) : contains(["reports", "predictions", "artifacts", "data"], bucket)])
    error_message = "lifecycle_days names a bucket that is none of reports, predictions, artifacts and data."
  }

  validation {
    condition = alltrue(flatten([
      for days in values(var.lifecycle_days) : [for age in [days.nearline, days.delete] : try(age >= 1 && floor(age) == age, age == null)]
    ]))
    error_message = "lifecycle_days holds an age that is no whole number of days, 1 or more; leave it out for never."
  }

  # Whatever leaves NEARLINE within 30 days is paid for 30 days.
  validation {
    condition     = alltrue([for days in values(var.lifecycle_days) : try(days.delete >= days.nearline + 30, days.nearline == null || days.delete == null)])
    error_message = "lifecycle_days deletes objects less than 30 days after they moved to NEARLINE, which is paid for 30 days at least."
  }
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can be brought back as an older version."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of days, 1 or more."
  }
}

variable "soft_delete_days" {
  description = "Days for which nobody can delete an object for good, its older versions included; 0: no such days."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90 && floor(var.soft_delete_days) == var.soft_delete_days)
    error_message = "soft_delete_days must be 0, or a whole number from 7 to 90."
  }
}

variable "kms_key" {
  description = "Key of your own that the objects are encrypted with, in the buckets' location; empty: Google's."
  type        = string
  default     = ""

  validation {
    condition     = var.kms_key == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must read projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY."
  }
}

variable "may_act_as" {
  description = "By service account, who may act as it: people, groups, service accounts, and workloads (principal://, principalSet://, serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME])."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for account in keys(var.may_act_as) : contains(["web", "worker", "exporter", "mlflow"], account)])
    error_message = "may_act_as names a service account that is none of web, worker, exporter and mlflow."
  }

  # Neither allUsers nor allAuthenticatedUsers nor a whole domain.
  validation {
    condition     = alltrue(flatten([for members in values(var.may_act_as) : [for member in members : can(regex("^(user:|group:|serviceAccount:|principal://|principalSet://).+$", member))]]))
    error_message = "may_act_as holds somebody who does not begin with user:, group:, serviceAccount:, principal:// or principalSet://."
  }
}

variable "destroy_contents" {
  description = "true: `make terraform-destroy` deletes the buckets with all that is in them. Apply it before it counts."
  type        = bool
  default     = false
}
