"""Logic: its revisions, schemas and tables, which of them made a row, and what its rules did."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


# Of every row: nullable, so that no partition is written anew.
COLUMNS = """
ALTER TABLE events ADD COLUMN revision integer, ADD COLUMN made_hash bigint, ADD COLUMN replay bigint;
ALTER TABLE rule_count SET (fillfactor = 50);
"""
DROP = "ALTER TABLE events DROP COLUMN revision, DROP COLUMN made_hash, DROP COLUMN replay"


class Migration(migrations.Migration):

    dependencies = [
        ('processing', '0015_field_index'),
    ]

    operations = [
        migrations.AddField(
            model_name="stalehour",
            name="fields",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="pause_requested",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="job",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("paused", "Paused"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name='LogicActivation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.IntegerField()),
                ('at', models.DateTimeField()),
                ('who', models.CharField(max_length=200)),
                ('reason', models.TextField(blank=True, default='')),
            ],
            options={
                'db_table': 'logic_activation',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='LogicRevision',
            fields=[
                ('number', models.IntegerField(primary_key=True, serialize=False)),
                ('content', models.JSONField()),
                ('base', models.IntegerField(null=True)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=200)),
                ('reason', models.TextField(blank=True, default='')),
            ],
            options={
                'db_table': 'logic_revision',
                'ordering': ['-number'],
            },
        ),
        migrations.AddField(
            model_name='deadletter',
            name='replay',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='report',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='progress',
            name='revision',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='incident',
            name='kind',
            field=models.CharField(choices=[('operator', 'Operator'), ('breaker', 'Breaker'), ('source', 'Source'), ('version', 'Version'), ('unreadable', 'Unreadable'), ('crash', 'Crash'), ('gap', 'Gap'), ('rollback', 'Rollback'), ('disk', 'Disk'), ('retention', 'Retention'), ('logic', 'Logic')], max_length=10),
        ),
        migrations.CreateModel(
            name='LookupTableVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('version', models.IntegerField()),
                ('key', models.CharField(max_length=128)),
                ('columns', models.JSONField()),
                ('rows', models.IntegerField()),
                ('data', models.BinaryField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=200)),
            ],
            options={
                'db_table': 'lookup_table_version',
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='lookup_table_version_once')],
            },
        ),
        migrations.CreateModel(
            name='RevisionSpan',
            fields=[
                ('pk', models.CompositePrimaryKey('topic_id', 'partition', 'first_offset', blank=True, editable=False, primary_key=True, serialize=False)),
                ('partition', models.IntegerField()),
                ('first_offset', models.BigIntegerField()),
                ('revision', models.IntegerField()),
                ('topic', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='processing.topic')),
            ],
            options={
                'db_table': 'revision_span',
            },
        ),
        migrations.CreateModel(
            name='RuleCount',
            fields=[
                ('pk', models.CompositePrimaryKey('kind', 'name', 'source_id', 'minute', 'partition', blank=True, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('rule', 'Rule'), ('schema', 'Schema')], max_length=6)),
                ('name', models.CharField(max_length=100)),
                ('source_id', models.TextField()),
                ('minute', models.DateTimeField()),
                ('partition', models.IntegerField()),
                ('applied', models.BigIntegerField(default=0)),
                ('rejected', models.BigIntegerField(default=0)),
                ('dropped', models.BigIntegerField(default=0)),
                ('unknown', models.BigIntegerField(default=0)),
                ('missed', models.BigIntegerField(default=0)),
                ('errors', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'rule_count',
                'indexes': [models.Index(fields=['minute'], name='rule_count_by_minute')],
            },
        ),
        migrations.CreateModel(
            name='SchemaVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('version', models.IntegerField()),
                ('document', models.JSONField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=200)),
            ],
            options={
                'db_table': 'schema_version',
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='schema_version_once')],
            },
        ),
        migrations.CreateModel(
            name='ReplayRemoval',
            fields=[
                ('pk', models.CompositePrimaryKey('source_id', 'ts', 'event_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('source_id', models.TextField()),
                ('ts', models.DateTimeField()),
                ('event_id', models.UUIDField()),
                ('partition', models.IntegerField()),
                ('offset', models.BigIntegerField()),
                ('line', models.IntegerField()),
                ('received', models.DateTimeField()),
                ('content_hash', models.BigIntegerField()),
                ('stored', models.DateTimeField()),
                ('rollup_cut', models.BooleanField(null=True)),
                ('fate', models.CharField(choices=[('dropped', 'Dropped'), ('rejected', 'Rejected')], max_length=8)),
                ('rule', models.CharField(max_length=100)),
                ('revision', models.IntegerField()),
                ('replay', models.BigIntegerField()),
                ('topic', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='processing.topic')),
            ],
            options={
                'db_table': 'replay_removal',
                'indexes': [models.Index(fields=['topic', 'partition', 'offset', 'line'], name='replay_removal_by_origin')],
            },
        ),
        migrations.RunSQL(COLUMNS, reverse_sql=DROP),
    ]
