from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("processing", "0008_concurrent_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="progress",
            name="record_checksum",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="progress",
            name="record_epoch",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="progress",
            name="record_offset",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="incident",
            name="kind",
            field=models.CharField(
                choices=[
                    ("operator", "Operator"),
                    ("breaker", "Breaker"),
                    ("source", "Source"),
                    ("version", "Version"),
                    ("unreadable", "Unreadable"),
                    ("crash", "Crash"),
                    ("gap", "Gap"),
                    ("rollback", "Rollback"),
                    ("disk", "Disk"),
                    ("retention", "Retention"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="ledgergap",
            name="cause",
            field=models.CharField(
                choices=[
                    ("removed", "Removed"),
                    ("recreated", "Recreated"),
                    ("skipped", "Skipped"),
                    ("truncated", "Truncated"),
                ],
                max_length=10,
            ),
        ),
    ]
