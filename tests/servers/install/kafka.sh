#!/usr/bin/env bash
# Brings the jars of Apache Kafka's server and tools into the cache folder, by Maven. Prints the folder.
. "$(dirname "$0")/common.sh"
version=4.1.0
jars="$cache/kafka-$version"

hold_lock kafka
if [ ! -e "$jars/complete" ]; then
  command -v mvn >/dev/null || fail "mvn is missing (Debian: maven); it brings Kafka's jars"
  say "fetching Apache Kafka $version"
  rm -rf "$jars"
  mkdir -p "$jars/pom"
  cat >"$jars/pom/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>planwatch.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$jars/pom/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars/lib" >&2 ||
    fail "Maven could not fetch Apache Kafka $version"
  touch "$jars/complete"
fi
echo "$jars"
