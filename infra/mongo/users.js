// MongoDB's users beside its administrator, whom no service of ours knows; run once, when the volume is new.
// The worker writes reports, makes their indexes and removes old ones; the exporter and the web app read them. None can do
// anything outside the database `creditrisk`.
const reports = db.getSiblingDB("creditrisk");
reports.createUser({
  user: "worker",
  pwd: process.env.MONGO_WORKER_PASSWORD,
  roles: [{ role: "readWrite", db: "creditrisk" }],
});
reports.createUser({
  user: "exporter",
  pwd: process.env.MONGO_EXPORTER_PASSWORD,
  roles: [{ role: "read", db: "creditrisk" }],
});
reports.createUser({
  user: "web",
  pwd: process.env.MONGO_WEB_PASSWORD,
  roles: [{ role: "read", db: "creditrisk" }],
});
